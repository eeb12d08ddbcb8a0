import type { MatchCondition } from '#proto/schema/generated/admissionregistration-v1.ts';
import {
  Activation,
  type ComposedVariables,
  type Evaluated,
  type Expression,
  type ExpressionInput,
  OutOfBudget,
} from '#server/apiserver/admission/expressions/activation.ts';
import type { Answers } from '#server/apiserver/admission/expressions/answers.ts';
import type { CelEngine } from '#server/cel/engine.ts';
import { BOOL } from '#server/cel/type.ts';
import type { Composition } from '#server/registry/admissionregistration/composition.ts';

/** For all conditions of one webhook or policy over one write, in upstream's units of cost. */
const BUDGET = 2_500_000;

export const compileConditions = (
  conditions: readonly MatchCondition[] | undefined,
  composition: Composition,
): readonly Expression[] =>
  (conditions ?? []).map(({ expression = '' }) => ({
    source: expression,
    compiled: composition.compile(expression, { result: [BOOL] }),
  }));

/**
 * Do all conditions hold? One that does not decides, whatever the others are; else one that can't be evaluated is an
 * error, and `failurePolicy` says what follows. Rule: `matchconditions.Matcher` of apiserver.
 */
export async function matchesConditions(
  cel: CelEngine,
  conditions: readonly Expression[],
  input: ExpressionInput,
  answers: Answers,
  variables?: ComposedVariables,
): Promise<boolean | { readonly error: string }> {
  if (conditions.length === 0) return true;
  const activation = new Activation(cel, input, {
    budget: BUDGET,
    answers,
    ...(variables ? { variables } : {}),
  });
  const outcomes: Evaluated[] = [];
  try {
    for (const condition of conditions) outcomes.push(await activation.evaluate(condition));
  } catch (err) {
    if (!(err instanceof OutOfBudget)) throw err;
    return { error: err.message };
  }
  const errors: string[] = [];
  for (const outcome of outcomes) {
    if ('error' in outcome) errors.push(outcome.error);
    else if (outcome.value === false) return false;
  }
  if (errors.length === 0) return true;
  const distinct = [...new Set(errors)];
  return { error: distinct.length === 1 ? (distinct[0] ?? '') : `[${distinct.join(', ')}]` };
}
