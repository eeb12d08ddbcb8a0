import type { Resource } from '#proto/api/resource.ts';
import { isObject, type JsonObject } from '#proto/meta/own-property.ts';
import type { JsonSchema, SchemaCollector } from '#server/apiserver/openapi/schemas.ts';

/** A custom kind in one of its versions, as clients should know it. Made anew whenever anything in it changes. */
export interface PublishedKind {
  readonly resource: Resource;
  /** What its definition calls `openAPIV3Schema`, structural; without one, objects may have any fields. */
  readonly schema?: JsonSchema | undefined;
}

const GVK = 'x-kubernetes-group-version-kind';
const PRESERVES = 'x-kubernetes-preserve-unknown-fields';
const EMBEDDED = 'x-kubernetes-embedded-resource';
const INT_OR_STRING = 'x-kubernetes-int-or-string';

const CONVENTIONS =
  'More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md';
const OBJECT_METADATA = `Standard object's metadata. ${CONVENTIONS}#metadata`;
const LIST_METADATA = `Standard list metadata. ${CONVENTIONS}#types-kinds`;

/** `com.example.v1.Boat`: the name of a custom kind's definition. */
export const customName = ({ group, version }: Resource, kind: string): string =>
  [...group.split('.').reverse(), version, kind].join('.');

/**
 * A custom kind and its list as definitions; answers the reference to `kind`. Rule: apiextensions-apiserver
 * `pkg/controller/openapi`. Version 2 can't say all that version 3 can: unions go, and so do the fields of whatever
 * may have unknown ones or be null, because kubectl would take those for all there are.
 */
export function addCustomKind(
  collector: SchemaCollector,
  { resource, schema }: PublishedKind,
  kind: string,
): JsonSchema {
  const name = customName(resource, resource.kind);
  const listKind = resource.listKind ?? `${resource.kind}List`;
  collector.add(name, definitionOf(collector, resource, schema));
  const list = customName(resource, listKind);
  collector.add(list, listOf(collector, resource, name, listKind));
  return collector.refer(kind === listKind ? list : name);
}

function definitionOf(
  collector: SchemaCollector,
  { group, version, kind, selectableFields = {} }: Resource,
  schema: JsonSchema | undefined,
): JsonSchema {
  const selectable = Object.keys(selectableFields).map((fieldPath) => ({ fieldPath }));
  const marks = {
    [GVK]: [{ group, kind, version }],
    ...(selectable.length > 0 ? { 'x-kubernetes-selectable-fields': selectable } : {}),
  };
  if (!schema || (collector.dialect === 'v2' && schema[PRESERVES] === true))
    return { type: 'object', ...marks };
  const own = converted(schema, collector);
  const metadata = collector.described(collector.reference('meta/v1.ObjectMeta'), OBJECT_METADATA);
  return { ...own, properties: { ...fieldsOf(own), ...typeMeta(collector), metadata }, ...marks };
}

function listOf(collector: SchemaCollector, resource: Resource, name: string, listKind: string): JsonSchema {
  const { group, version, plural, kind } = resource;
  return {
    description: `${listKind} is a list of ${kind}`,
    type: 'object',
    required: ['items'],
    properties: {
      ...typeMeta(collector),
      items: {
        description: `List of ${plural}. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md`,
        type: 'array',
        items: collector.refer(name),
      },
      metadata: collector.described(collector.reference('meta/v1.ListMeta'), LIST_METADATA),
    },
    [GVK]: [{ group, kind: listKind, version }],
  };
}

const typeMeta = (collector: SchemaCollector): JsonSchema =>
  Object.fromEntries(
    ['apiVersion', 'kind'].map((field) => {
      const description = collector.textOf('meta/v1.DeleteOptions', field);
      return [field, { ...(description ? { description } : {}), type: 'string' }];
    }),
  );

/** A node of a structural schema in the words of a version, with what is inside it. A new object. */
function converted(schema: JsonObject, collector: SchemaCollector): JsonObject {
  const out = collector.dialect === 'v2' ? withoutUnions(schema) : unfolded(schema);
  const { properties, items, additionalProperties } = out;
  if (isObject(properties))
    out['properties'] = Object.fromEntries(
      Object.entries(properties).map(([name, inner]) => [name, convertedOr(inner, collector)]),
    );
  if (isObject(items)) out['items'] = converted(items, collector);
  if (isObject(additionalProperties))
    out['additionalProperties'] = converted(additionalProperties, collector);
  if (schema[EMBEDDED] === true && !(collector.dialect === 'v2' && schema[PRESERVES] === true))
    embed(out, collector);
  return out;
}

const convertedOr = (inner: unknown, collector: SchemaCollector): unknown =>
  isObject(inner) ? converted(inner, collector) : inner;

/** Either of two types, said in the union that it stands for. */
function unfolded(schema: JsonObject): JsonObject {
  if (schema[INT_OR_STRING] !== true) return { ...schema };
  const either = [{ type: 'integer' }, { type: 'string' }];
  const says = (list: unknown): boolean => JSON.stringify(list) === JSON.stringify(either);
  const { anyOf, allOf } = schema;
  const [first] = Array.isArray(allOf) ? (allOf as JsonObject[]) : [];
  if (says(anyOf) || says(first?.['anyOf'])) return { ...schema };
  return anyOf === undefined
    ? { ...schema, anyOf: either }
    : { ...schema, allOf: [{ anyOf: either }, ...(Array.isArray(allOf) ? allOf : [])] };
}

/** Rule: `ToStructuralOpenAPIV2`. */
function withoutUnions(schema: JsonObject): JsonObject {
  const { allOf: _all, anyOf: _any, oneOf: _one, not: _not, default: _default, ...rest } = schema;
  const out: JsonObject = rest;
  const nullable = out['nullable'] === true;
  const preserves = out[PRESERVES] === true;
  if (nullable) {
    delete out['type'];
    delete out['nullable'];
  }
  if (nullable || preserves) {
    delete out['items'];
    delete out['properties'];
  }
  if (!out['items'] && out['type'] === 'array') delete out['type'];
  if (preserves && out['type'] === 'object') delete out['type'];
  const { properties, required, additionalProperties } = out;
  if (isObject(properties) && Array.isArray(required)) {
    const needed = required.filter((name) => !isNullable(properties[String(name)]));
    if (needed.length > 0) out['required'] = needed;
    else delete out['required'];
  }
  if (isNullable(additionalProperties)) delete out['required'];
  return out;
}

const isNullable = (schema: unknown): boolean => isObject(schema) && schema['nullable'] === true;

const fieldsOf = (schema: JsonObject): JsonObject =>
  isObject(schema['properties']) ? schema['properties'] : {};

/** An object inside an object has the fields that all objects have. */
function embed(out: JsonObject, collector: SchemaCollector): void {
  const text = (description: string): JsonObject => ({ description, type: 'string' });
  const metadata = collector.described(collector.reference('meta/v1.ObjectMeta'), OBJECT_METADATA);
  out['properties'] = {
    ...fieldsOf(out),
    apiVersion: text(
      'apiVersion defines the versioned schema of this representation of an object. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#resources',
    ),
    kind: text(
      'kind is a string value representing the type of this object. In CamelCase. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds',
    ),
    metadata,
  };
  const required = Array.isArray(out['required']) ? (out['required'] as string[]) : [];
  out['required'] = [...new Set([...required, 'kind', 'apiVersion'])];
}
