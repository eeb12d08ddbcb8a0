import { isObject } from '#proto/meta/own-property.ts';

/** A JSON value as Go's `%v` shows it, for messages that quote one: `map[name:web ports:[80 81]]`. */
export function goFormat(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(goFormat).join(' ')}]`;
  if (isObject(value))
    return `map[${Object.keys(value)
      .sort()
      .map((key) => `${key}:${goFormat(value[key])}`)
      .join(' ')}]`;
  return value === null || value === undefined ? '<nil>' : String(value);
}
