import type { Validation } from '#proto/schema/generated/admissionregistration-v1.ts';
import {
  Activation,
  type Evaluated,
  type ExpressionInput,
  OutOfBudget,
} from '#server/apiserver/admission/expressions/activation.ts';
import type { Answers } from '#server/apiserver/admission/expressions/answers.ts';
import { matchesConditions } from '#server/apiserver/admission/expressions/match-conditions.ts';
import type { CompiledValidatingPolicy } from '#server/apiserver/admission/policy/compile-policy.ts';
import type { CelEngine } from '#server/cel/engine.ts';

/** For all validations of one policy over one write, in upstream's units of cost. */
const BUDGET = 10_000_000;
const MAX_MESSAGE_BYTES = 5 * 1024;

/** What one validation, or the policy as a whole, says of a write; nothing where it lets it through. */
export interface Denial {
  /** Of the validation in the policy. */
  readonly index: number;
  readonly message: string;
  /** Absent for errors of evaluation. */
  readonly reason?: string | undefined;
}

export interface Decision {
  readonly denials: readonly Denial[];
  readonly annotations: readonly { readonly key: string; readonly value: string }[];
  /** Annotations that could not be evaluated: with `failurePolicy: Fail` they refuse, whatever the binding's actions. */
  readonly annotationErrors: readonly string[];
}

const NOTHING: Decision = { denials: [], annotations: [], annotationErrors: [] };

/** Evaluates a policy over one write. Rule: `validator.Validate` of apiserver. */
export async function decide(
  cel: CelEngine,
  policy: CompiledValidatingPolicy,
  input: ExpressionInput,
  answers: Answers,
  failsOpen: boolean,
): Promise<Decision> {
  const failed = (message: string): Decision =>
    failsOpen ? NOTHING : { ...NOTHING, denials: [{ index: 0, message }] };
  // Conditions see no namespace.
  const { namespace: _namespace, ...bare } = input;
  const matched = await matchesConditions(cel, policy.conditions, bare, answers, policy.variables);
  if (matched === false) return NOTHING;
  if (matched !== true) return failed(matched.error);
  try {
    return await evaluate(cel, policy, input, answers, failsOpen);
  } catch (err) {
    if (err instanceof OutOfBudget) return failed(err.message);
    throw err;
  }
}

async function evaluate(
  cel: CelEngine,
  policy: CompiledValidatingPolicy,
  input: ExpressionInput,
  answers: Answers,
  failsOpen: boolean,
): Promise<Decision> {
  const { variables } = policy;
  const activation = new Activation(cel, input, { budget: BUDGET, answers, variables });
  const outcomes: Evaluated[] = [];
  for (const { expression } of policy.validations) outcomes.push(await activation.evaluate(expression));
  const messages = await evaluateMessages(cel, policy, input, activation.budget);
  const denials = outcomes.flatMap((outcome, index): Denial[] => {
    if ('error' in outcome) return failsOpen ? [] : [{ index, message: outcome.error }];
    if (typeof messages === 'string') return failsOpen ? [] : [{ index, message: messages }];
    if (outcome.value === true) return [];
    const { validation } = policy.validations[index] as { validation: Validation };
    return [
      { index, message: messageOf(validation, messages[index]), reason: validation.reason ?? 'Invalid' },
    ];
  });
  return { denials, ...(await annotate(cel, policy, input, failsOpen)) };
}

/** What users are told does not depend on what they may see. A text is the reason why there is no message at all. */
async function evaluateMessages(
  cel: CelEngine,
  { validations, variables }: CompiledValidatingPolicy,
  input: ExpressionInput,
  budget: number,
): Promise<readonly (Evaluated | undefined)[] | string> {
  const activation = new Activation(cel, input, { budget, variables });
  const messages: (Evaluated | undefined)[] = [];
  try {
    for (const { message } of validations) messages.push(message && (await activation.evaluate(message)));
    return messages;
  } catch (err) {
    if (err instanceof OutOfBudget) return `failed messageExpression: ${err.message}`;
    throw err;
  }
}

function messageOf({ message, expression }: Validation, evaluated: Evaluated | undefined): string {
  const text =
    evaluated && 'value' in evaluated && typeof evaluated.value === 'string' ? evaluated.value.trim() : '';
  const isFine = text !== '' && Buffer.byteLength(text) <= MAX_MESSAGE_BYTES && !text.includes('\n');
  return isFine ? text : message?.trim() || `failed expression: ${expression.trim()}`;
}

async function annotate(
  cel: CelEngine,
  { annotations, variables }: CompiledValidatingPolicy,
  input: ExpressionInput,
  failsOpen: boolean,
): Promise<Pick<Decision, 'annotations' | 'annotationErrors'>> {
  const activation = new Activation(cel, input, { budget: BUDGET, variables });
  const found: { key: string; value: string }[] = [];
  const errors: string[] = [];
  for (const { annotation, expression } of annotations) {
    const outcome = await activation.evaluate(expression);
    if ('error' in outcome) {
      if (!failsOpen) errors.push(outcome.error);
    } else if (typeof outcome.value === 'string' && outcome.value.trim() !== '')
      found.push({ key: annotation.key, value: outcome.value.trim() });
  }
  return { annotations: found, annotationErrors: errors };
}
