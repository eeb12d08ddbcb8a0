import { isObject, setOwn } from '#proto/meta/own-property.ts';
import { fieldSchema, isProperty, itemSchema, type Structural } from '#server/structural/schema.ts';

/**
 * Sets, in place, what the schema says that absent fields are, and that nulls are where null is no value. Rule:
 * apiextensions-apiserver `schema/defaulting`.
 */
export function applyDefaults(value: unknown, schema: Structural | undefined): void {
  if (!schema) return;
  if (Array.isArray(value)) {
    const items = itemSchema(schema);
    if (!items) return;
    for (const [i, item] of value.entries()) {
      if (isBadNull(item, items)) value[i] = copyOf(items.default);
      applyDefaults(value[i], items);
    }
  } else if (isObject(value)) {
    for (const [key, property] of Object.entries(schema.properties ?? {})) {
      if (property.default === undefined || property.default === null) continue;
      if (!Object.hasOwn(value, key) || isBadNull(value[key], property))
        setOwn(value, key, copyOf(property.default));
    }
    for (const key of Object.keys(value)) {
      const inner = fieldSchema(schema, key);
      if (!inner) continue;
      if (!isProperty(schema, key) && isBadNull(value[key], inner)) setOwn(value, key, copyOf(inner.default));
      applyDefaults(value[key], inner);
    }
  }
}

const isBadNull = (value: unknown, schema: Structural): boolean => value === null && !schema.nullable;

/** Defaults are shared by all objects that get them. */
function copyOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copyOf);
  if (!isObject(value)) return value === undefined ? null : value;
  const copy: Record<string, unknown> = {};
  for (const key of Object.keys(value)) setOwn(copy, key, copyOf(value[key]));
  return copy;
}
