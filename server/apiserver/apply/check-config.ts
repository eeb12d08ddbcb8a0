import { isObject } from '#proto/meta/own-property.ts';
import { badRequest } from '#proto/meta/status-error.ts';
import { asList, stepOf } from '#server/apiserver/apply/field-tree.ts';
import { itemKey, KeyProblem, resolved, type Shape } from '#server/apiserver/apply/shape.ts';

/**
 * 400 for an applied configuration that names fields which there are not, or whose lists have items that can't be
 * told apart: whatever else is asked for, nobody can own those. `what` names it in the error. Upstream says the same
 * with the code 500, which is a client's sign to try again.
 */
export function checkConfig(config: unknown, shape: Shape, what: string): void {
  const problem = configProblem(config, shape);
  if (problem !== undefined) throw badRequest(`failed to create typed patch object (${what}): ${problem}`);
}

/** The same as text; undefined where there is none. */
export function configProblem(config: unknown, shape: Shape): string | undefined {
  const problems: string[] = [];
  check(config, shape, '', problems);
  if (problems.length <= 1) return problems[0];
  return ['errors:', ...problems.map((p) => `  ${p}`)].join('\n');
}

function check(value: unknown, shape: Shape, path: string, problems: string[]): void {
  const own = resolved(shape, value);
  if (own.kind === 'fields' && isObject(value)) {
    for (const [name, inner] of Object.entries(value)) {
      if (own.open || own.isField(name)) {
        check(inner, own.of(name), `${path}.${name}`, problems);
        continue;
      }
      problems.push(`${path}.${name}: field not declared in schema`);
      return;
    }
    return;
  }
  if (own.kind !== 'list-map' && own.kind !== 'set') return;
  const seen = new Set<string>();
  for (const [i, item] of asList(value).entries()) {
    let key: string;
    try {
      key = itemKey(own, item);
    } catch (err) {
      if (!(err instanceof KeyProblem)) throw err;
      problems.push(`${path}: element ${i}: ${err.message}`);
      return;
    }
    const step = stepOf(key);
    if (seen.has(key)) problems.push(`${path}: duplicate entries for key ${step}`);
    seen.add(key);
    if (own.kind === 'list-map') check(item, own.items, path + step, problems);
  }
}
