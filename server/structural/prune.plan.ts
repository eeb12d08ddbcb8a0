import { isObject } from '#proto/meta/own-property.ts';
import {
  asRoot,
  fieldSchema,
  isTypeOrObjectMeta,
  itemSchema,
  type Structural,
} from '#server/structural/schema.ts';

/** Collects the paths of what is pruned: `spec.list[0].unknown`. */
export type UnknownFields = string[] | undefined;

/**
 * Removes the fields that the schema does not specify, in place; at the root of an object its type and metadata stay.
 * Paths of what went are added to `unknown`, in order. Rule: apiextensions-apiserver `schema/pruning`.
 */
export function prune(
  object: unknown,
  schema: Structural | undefined,
  { unknown, isRoot = true }: { readonly unknown?: UnknownFields; readonly isRoot?: boolean } = {},
): void {
  const found: UnknownFields = unknown && [];
  pruneValue(object, isRoot ? asRoot(schema) : (schema ?? NOTHING), '', found);
  if (found) unknown?.push(...found.sort());
}

function pruneValue(value: unknown, schema: Structural, path: string, unknown: UnknownFields): void {
  if (schema['x-kubernetes-preserve-unknown-fields']) {
    keepUnknown(value, schema, path, unknown);
  } else if (Array.isArray(value)) {
    const items = itemSchema(schema) ?? NOTHING;
    for (const [i, item] of value.entries()) pruneValue(item, items, `${path}[${i}]`, unknown);
  } else if (isObject(value)) {
    for (const key of Object.keys(value)) {
      if (schema['x-kubernetes-embedded-resource'] && isTypeOrObjectMeta(key)) continue;
      const inner = fieldSchema(schema, key);
      if (inner) pruneValue(value[key], inner, fieldPath(path, key), unknown);
      else {
        if (!isTypeOrObjectMeta(key) || path !== '') unknown?.push(fieldPath(path, key));
        delete value[key];
      }
    }
  }
}

const NOTHING: Structural = {};

/** Unknown fields stay here, but below fields that are specified pruning goes on. */
function keepUnknown(value: unknown, schema: Structural, path: string, unknown: UnknownFields): void {
  if (Array.isArray(value)) {
    const items = itemSchema(schema);
    if (!items) return;
    for (const [i, item] of value.entries()) keepUnknown(item, items, `${path}[${i}]`, unknown);
  } else if (isObject(value)) {
    for (const key of Object.keys(value)) {
      if (schema['x-kubernetes-embedded-resource'] && isTypeOrObjectMeta(key)) continue;
      const inner = fieldSchema(schema, key);
      if (inner) pruneValue(value[key], inner, fieldPath(path, key), unknown);
    }
  }
}

const fieldPath = (path: string, key: string): string => (path === '' ? key : `${path}.${key}`);

/** Removes, in place, nulls where null is no value and no default will take their place. */
export function pruneNulls(value: unknown, schema: Structural | undefined): void {
  if (Array.isArray(value)) {
    const items = schema && itemSchema(schema);
    for (const item of value) pruneNulls(item, items);
  } else if (isObject(value)) {
    for (const key of Object.keys(value)) {
      const inner = schema && fieldSchema(schema, key);
      if (value[key] === null && inner && !inner.nullable && inner.default === undefined) delete value[key];
      else pruneNulls(value[key], inner);
    }
  }
}
