import type { Type } from '#proto/schema/schema.ts';

/** What encoding/json calls empty: false, 0, "", a nil pointer, an empty list or map; never a struct. */
export function isEmpty(type: Type, value: unknown, present: boolean): boolean {
  if (type.pointer) return !present;
  if (type.kind === 'message') return false;
  if (type.kind === 'list') return !Array.isArray(value) || value.length === 0;
  if (type.kind === 'map') return value === null || Object.keys(value as object).length === 0;
  switch (type.scalar) {
    case 'string':
    case 'bytes':
      return value === '' || value === null;
    case 'bool':
    case 'int':
    case 'int32':
    case 'int64':
    case 'float64':
      return value === false || value === 0;
    default:
      return false;
  }
}

/** omitzero: Go's zero value, by its IsZero where the type has one. */
export function isZero(type: Type, value: unknown, present: boolean): boolean {
  if (type.pointer || !present) return !present;
  return type.kind === 'scalar' && (value === null || value === '' || value === 0 || value === false);
}
