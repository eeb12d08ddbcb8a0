import { duplicate, type FieldError, invalidValue, required, tooMany } from '#proto/meta/field-error.ts';
import { labelKeyProblems } from '#proto/meta/label-syntax.ts';
import type { MatchCondition, Variable } from '#proto/schema/generated/admissionregistration-v1.ts';
import type { CelEngine, Compiled } from '#server/cel/engine.ts';
import { BOOL } from '#server/cel/type.ts';
import { Composition } from '#server/registry/admissionregistration/composition.ts';
import { eachAt, problemsAt } from '#server/registry/validation/field-checks.ts';

const MAX_CONDITIONS = 64;
const RESERVED = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return var void while'.split(
    ' ',
  ),
);

/** Why an expression does not compile, at its field; nothing where it does. */
export function compileErrors(compiled: Compiled, path: string, source: string): FieldError[] {
  if (!('problem' in compiled)) return [];
  // A constant that can't be computed is, upstream, nobody's mistake.
  return compiled.problem.startsWith('program instantiation failed')
    ? [{ reason: 'InternalError', message: `Internal error: ${compiled.problem}`, field: path }]
    : [invalidValue(path, source, compiled.problem)];
}

/** The conditions of webhooks and policies. Conditions that an update leaves alone are checked no more. */
export function validateMatchConditions(
  conditions: readonly MatchCondition[] | undefined,
  path: string,
  { cel, hasParams }: { readonly cel: CelEngine | undefined; readonly hasParams: boolean },
): FieldError[] {
  if (!conditions?.length) return [];
  const errors = conditions.length > MAX_CONDITIONS ? [tooMany(path, conditions.length, MAX_CONDITIONS)] : [];
  const names = new Set<string>();
  const composition = cel && new Composition(cel, { hasParams, hasVariables: false });
  return [
    ...errors,
    ...eachAt(conditions, path, ({ name, expression }, at) => {
      const source = expression?.trim() ?? '';
      const found: FieldError[] = [];
      if (source === '') found.push(required(`${at}.expression`));
      else if (composition)
        found.push(
          ...compileErrors(composition.compile(source, { result: [BOOL] }), `${at}.expression`, source),
        );
      if (!name) found.push(required(`${at}.name`));
      else found.push(...problemsAt(`${at}.name`, name, labelKeyProblems(name)));
      if (name && names.has(name)) found.push(duplicate(`${at}.name`, name));
      names.add(name);
      return found;
    }),
  ];
}

/** Makes each variable known to what comes after it. */
export function validateVariables(
  variables: readonly Variable[] | undefined,
  path: string,
  composition: Composition,
): FieldError[] {
  return eachAt(variables, path, ({ name, expression }, at) => {
    const errors: FieldError[] = [];
    if (!name?.trim()) errors.push(required(`${at}.name`, 'name is not specified'));
    else if (!/^[_a-zA-Z][_a-zA-Z0-9]*$/.test(name) || RESERVED.has(name))
      errors.push(invalidValue(`${at}.name`, name, 'must be a valid CEL identifier'));
    if (!expression?.trim()) errors.push(required(`${at}.expression`, 'expression is not specified'));
    else errors.push(...compileErrors(composition.add(name, expression), `${at}.expression`, expression));
    return errors;
  });
}
