import { duplicate, type FieldError, invalidValue } from '#proto/meta/field-error.ts';
import { getOwn, isObject } from '#proto/meta/own-property.ts';
import { fieldSchema, isProperty, itemSchema, type Structural } from '#server/structural/schema.ts';

/** Lists that are sets, or maps by keys, hold nothing twice. Rule: apiextensions-apiserver `schema/listtype`. */
export function validateListTypes(value: unknown, schema: Structural | undefined, path = ''): FieldError[] {
  if (!schema) return [];
  if (Array.isArray(value)) {
    const items = itemSchema(schema);
    return [
      ...validateList(value, schema, path),
      ...value.flatMap((item, i) => validateListTypes(item, items, `${path}[${i}]`)),
    ];
  }
  if (!isObject(value)) return [];
  return Object.keys(value).flatMap((key) => {
    const inner = fieldSchema(schema, key);
    if (!inner) return [];
    const at = isProperty(schema, key) ? (path === '' ? key : `${path}.${key}`) : `${path}[${key}]`;
    return validateListTypes(value[key], inner, at);
  });
}

function validateList(list: readonly unknown[], schema: Structural, path: string): FieldError[] {
  switch (schema['x-kubernetes-list-type']) {
    case 'set':
      return secondOnes(list).map((i) => duplicate(`${path}[${i}]`, list[i]));
    case 'map':
      return validateMap(list, schema['x-kubernetes-list-map-keys'] ?? [], path);
    default:
      return [];
  }
}

function validateMap(list: readonly unknown[], keys: readonly string[], path: string): FieldError[] {
  const odd = list.findIndex((item) => item !== null && !isObject(item));
  if (odd >= 0)
    return [invalidValue(`${path}[${odd}]`, list[odd], 'must be an object for an array of list-type map')];
  const items = list.map((item) =>
    isObject(item)
      ? Object.fromEntries(
          keys.flatMap((key) => (Object.hasOwn(item, key) ? [[key, getOwn(item, key)]] : [])),
        )
      : {},
  );
  return secondOnes(items).map((i) => duplicate(`${path}[${i}]`, items[i]));
}

/** Where an item appears for the second time; further times are not told. */
function secondOnes(list: readonly unknown[]): number[] {
  const times = new Map<string, number>();
  return list.flatMap((item, i) => {
    const text = canonical(item);
    const before = times.get(text) ?? 0;
    times.set(text, before + 1);
    return before === 1 ? [i] : [];
  });
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (!isObject(value)) return JSON.stringify(value);
  const entries = Object.keys(value).sort();
  return `{${entries.map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`).join()}}`;
}
