import type { Library } from '#server/cel/functions.ts';
import { reads } from '#server/cel/library/costs.ts';
import { type CelType, DYN, objectOf, opaque, STRING } from '#server/cel/type.ts';

/** What mutations are written with. Rule: apiserver `pkg/cel/mutation`. */
export const mutation: Library = {
  // In one pass, so that the tilde of an escape is not escaped again.
  'jsonpatch.escapeKey': [
    [
      '(string) string',
      (key: string) => key.replace(/[~/]/g, (char) => (char === '/' ? '~1' : '~0')),
      reads(),
    ],
  ],
};

const patch = objectOf('JSONPatch', { op: STRING, from: STRING, path: STRING, value: DYN });
/** Upstream's has every field: those that it does not know are of a type that nothing is. */
const JSON_PATCH: CelType = {
  ...patch,
  field: (name) => patch.field(name) ?? { type: opaque(''), json: name },
};

/** `Object` and, under it, one type for each path, with any fields. */
export function mutationType(name: string): CelType | undefined {
  if (name === 'JSONPatch') return JSON_PATCH;
  if (name !== 'Object' && !name.startsWith('Object.')) return undefined;
  return { kind: 'object', name, field: (json) => ({ type: DYN, json }) };
}
