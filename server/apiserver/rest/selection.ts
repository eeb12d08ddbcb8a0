import type { Resource } from '#proto/api/resource.ts';
import {
  type FieldTerm,
  matchesFields,
  parseFieldSelector,
  requiredField,
} from '#proto/meta/field-selector.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import { matchesLabels, type Selector, SelectorError } from '#proto/meta/selector.ts';
import { parseLabelSelector } from '#proto/meta/selector-parser.ts';
import { badRequest } from '#proto/meta/status-error.ts';
import { schema } from '#proto/schema/schema.ts';

/** What a list or watch is narrowed to, beside its namespace. */
export interface Selection {
  /** Present where `metadata.name=x` makes it at most one object. */
  readonly name: string | undefined;
  /** No selectors: every object matches, and nothing needs to be parsed. */
  readonly everything: boolean;
  matches(object: KubeObject): boolean;
}

const ALL: Selection = { name: undefined, everything: true, matches: () => true };

/** Parses both selectors; 400 where one can't be read or names a field that the kind does not offer. */
export function selectionOf(
  resource: Resource,
  labelSelector: string | undefined,
  fieldSelector: string | undefined,
): Selection {
  if (!labelSelector && !fieldSelector) return ALL;
  const labels = labelSelector ? parse(() => parseLabelSelector(labelSelector)) : undefined;
  const fields = fieldSelector ? parse(() => parseFieldSelector(fieldSelector)) : [];
  for (const { field } of fields) {
    if (!isSelectable(resource, field)) {
      throw badRequest(notSelectable(resource, field));
    }
  }
  return {
    name: requiredField(fields, 'metadata.name'),
    everything: false,
    matches: (object) => matchesBoth(resource, labels, fields, object),
  };
}

function matchesBoth(
  resource: Resource,
  labels: Selector | undefined,
  fields: readonly FieldTerm[],
  object: KubeObject,
): boolean {
  if (labels && !matchesLabels(labels, object.metadata.labels)) return false;
  return fields.length === 0 || matchesFields(fields, (field) => fieldOf(resource, object, field));
}

/** Rule: the field label conversions of each kind, and `DefaultMetaV1FieldSelectorConversion`. */
function notSelectable(resource: Resource, field: string): string {
  if (resource.kind === 'Job') return `field label ${JSON.stringify(field)} not supported for Job`;
  return resource.selectableFields || !schema.kind(resource)
    ? `field label not supported: ${field}`
    : `${JSON.stringify(field)} is not a known field selector: only "metadata.name", "metadata.namespace"`;
}

const isSelectable = (resource: Resource, field: string): boolean =>
  field === 'metadata.name' ||
  (field === 'metadata.namespace' && resource.namespaced) ||
  Object.hasOwn(resource.selectableFields ?? {}, field);

function fieldOf(resource: Resource, object: KubeObject, field: string): string {
  if (field === 'metadata.name') return object.metadata.name ?? '';
  if (field === 'metadata.namespace') return object.metadata.namespace ?? '';
  return resource.selectableFields?.[field]?.(object) ?? '';
}

function parse<T>(run: () => T): T {
  try {
    return run();
  } catch (err) {
    if (err instanceof SelectorError) throw badRequest(err.message, err);
    throw err;
  }
}
