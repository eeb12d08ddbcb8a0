import type { KubeObject } from '#proto/meta/object.ts';
import { applyJsonPatch, type Operation, readJsonPatch } from '#proto/meta/patch/json-patch.ts';
import { StatusError } from '#proto/meta/status-error.ts';
import type { GroupVersionKind } from '#proto/schema/schema.ts';
import {
  Activation,
  type ComposedVariables,
  type ExpressionInput,
  OutOfBudget,
} from '#server/apiserver/admission/expressions/activation.ts';
import type { Answers } from '#server/apiserver/admission/expressions/answers.ts';
import { applyConfiguration } from '#server/apiserver/admission/policy/apply-configuration.ts';
import type { CompiledMutatingPolicy } from '#server/apiserver/admission/policy/compile-policy.ts';
import type { Shape } from '#server/apiserver/apply/shape.ts';
import type { CelEngine } from '#server/cel/engine.ts';
import type { CelValue } from '#server/cel/value.ts';

/** For one mutation, in upstream's units of cost. */
const BUDGET = 10_000_000;

/** The mutation can't be made: `failurePolicy` says what follows. */
export class MutationProblem extends Error {}

/**
 * The object after one mutation; the same one where that leaves it as it was. Rejects with a {@link MutationProblem}. Rule:
 * apiserver `pkg/admission/plugin/policy/mutating/patch`.
 */
export async function mutate(
  cel: CelEngine,
  { mutation, expression }: CompiledMutatingPolicy['mutations'][number],
  input: ExpressionInput & { readonly object: KubeObject },
  context: { readonly answers: Answers; readonly variables: ComposedVariables },
  shapeOf: (kind: GroupVersionKind) => Shape,
): Promise<KubeObject> {
  if ('problem' in expression.compiled) throw new MutationProblem(expression.compiled.problem);
  const value = await evaluate(new Activation(cel, input, { budget: BUDGET, ...context }), expression);
  const mismatch = cel.mutationProblem(value);
  if (mismatch !== undefined) throw new MutationProblem(`type mismatch: ${mismatch}`);
  const json = cel.toJson(value);
  if (mutation.patchType === 'JSONPatch') return patched(input.object, json);
  const { apiVersion, kind } = input.object;
  const configuration = { ...(json as object), apiVersion, kind };
  const result = applyConfiguration(input.object, configuration, shapeOf(kindOf(input)));
  if ('problem' in result) throw new MutationProblem(`error applying patch: ${result.problem}`);
  return structuredClone(result.object) as KubeObject;
}

/** A subresource with a kind of its own has that kind in all versions. */
const kindOf = ({ attributes, resource }: ExpressionInput): GroupVersionKind =>
  attributes.kind.kind === attributes.resource.kind ? resource : attributes.kind;

async function evaluate(
  activation: Activation,
  expression: Parameters<Activation['evaluate']>[0],
): Promise<CelValue> {
  try {
    const outcome = await activation.evaluate(expression);
    if ('error' in outcome) throw new MutationProblem(outcome.error);
    return outcome.value;
  } catch (err) {
    if (err instanceof OutOfBudget) throw new MutationProblem(err.message);
    throw err;
  }
}

/** A value that is not said is null. */
const withValue = (operation: Operation): Operation =>
  operation.op === 'add' || operation.op === 'replace' ? { value: null, ...operation } : operation;

function patched(object: KubeObject, operations: unknown): KubeObject {
  if (operations === undefined)
    throw new MutationProblem('JSONPath valueExpression evaluated to a type that could not marshal to JSON');
  try {
    const parsed = readJsonPatch(operations).map(withValue);
    return parsed.length === 0 ? object : (applyJsonPatch(object, parsed) as KubeObject);
  } catch (err) {
    if (!(err instanceof StatusError)) throw err;
    const why = err.cause instanceof Error ? err.cause.message : err.message;
    // A test that fails is how a patch says that it does not apply.
    if (why.endsWith('test failed')) return object;
    throw new MutationProblem(`JSON Patch: ${why}`);
  }
}
