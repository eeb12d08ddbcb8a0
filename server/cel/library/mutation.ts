import type { Library } from '#server/cel/functions.ts';
import { reads } from '#server/cel/library/costs.ts';
import { type CelType, DYN, objectOf, opaque, STRING } from '#server/cel/type.ts';
import { CelList, CelMap, CelObject, type CelValue, Fault } from '#server/cel/value.ts';

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

/** See `CelEngine.mutationProblem`. Lists and maps between have no names. */
export function mutationProblem(value: CelValue): string | undefined {
  const problems: string[] = [];
  const visit = (part: CelValue, path: string): void => {
    if (part instanceof CelObject) {
      if (part.typeName === 'JSONPatch') {
        const inner = part.fields.get('value');
        if (inner instanceof CelObject) visit(inner, inner.typeName);
        return;
      }
      if (part.typeName !== path)
        problems.push(
          `unexpected type name ${JSON.stringify(part.typeName)}, expected ${JSON.stringify(path)}, which matches field name path from root Object type`,
        );
      for (const [name, field] of part.fields) visit(field, `${path}.${name}`);
    } else if (part instanceof CelList) for (const item of part) visit(item, path);
    else if (part instanceof CelMap)
      for (const key of part.keys()) {
        const inner = part.get(key);
        if (inner !== undefined && !(inner instanceof Fault)) visit(inner, path);
      }
  };
  visit(value, value instanceof CelObject ? value.typeName : '');
  return problems.length === 0 ? undefined : problems.join('\n');
}
