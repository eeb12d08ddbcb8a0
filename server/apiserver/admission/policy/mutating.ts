import { isDeepStrictEqual } from 'node:util';
import { mutatingadmissionpolicies } from '#proto/api/admissionregistration/mutatingadmissionpolicies.ts';
import { mutatingadmissionpolicybindings } from '#proto/api/admissionregistration/mutatingadmissionpolicybindings.ts';
import type { Resource } from '#proto/api/resource.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import { internalError, StatusError } from '#proto/meta/status-error.ts';
import type {
  Mutation,
  MutatingAdmissionPolicy as Policy,
  MutatingAdmissionPolicyBinding as PolicyBinding,
} from '#proto/schema/generated/admissionregistration-v1.ts';
import type { GroupVersionKind } from '#proto/schema/schema.ts';
import type { AdmissionAttributes, AdmissionPlugin } from '#server/apiserver/admission/admission.ts';
import { Answers } from '#server/apiserver/admission/expressions/answers.ts';
import { matchesConditions } from '#server/apiserver/admission/expressions/match-conditions.ts';
import {
  type CompiledMutatingPolicy,
  compileMutatingPolicy,
} from '#server/apiserver/admission/policy/compile-policy.ts';
import { MutationProblem, mutate } from '#server/apiserver/admission/policy/mutate.ts';
import { Policies } from '#server/apiserver/admission/policy/policies.ts';
import {
  type Invocation,
  invocationsOf,
  namespaceFor,
  type PolicyDeps,
} from '#server/apiserver/admission/policy/policy-run.ts';
import { refused } from '#server/apiserver/admission/refuse.ts';
import { isExempt } from '#server/apiserver/admission/webhook/match.plan.ts';
import type { Shape } from '#server/apiserver/apply/shape.ts';
import { loadCel } from '#server/cel/load.ts';

export interface MutatingPolicyDeps extends PolicyDeps {
  /** How objects of a kind merge. */
  readonly shapeOf: (kind: GroupVersionKind) => Shape;
}

/** What the first round leaves for the second. */
interface Memory {
  output: KubeObject | undefined;
  /** Invoked, and willing to be invoked again. */
  readonly willing: Set<string>;
  /** To be invoked again: something changed after them. */
  readonly again: Set<string>;
}

/** A mutation or a policy that failed. */
interface Failure {
  readonly policy: Policy;
  readonly binding: PolicyBinding | undefined;
  readonly message: string;
  readonly reason?: 'Invalid';
}

/**
 * Policies that change what is written, one after the other, each on what the one before left. Where one changed something,
 * those with `reinvocationPolicy: IfNeeded` before it are asked once more. Rule: apiserver
 * `pkg/admission/plugin/policy/mutating`.
 */
export class MutatingAdmissionPolicy implements AdmissionPlugin {
  readonly name = 'MutatingAdmissionPolicy';
  readonly #deps: MutatingPolicyDeps;
  readonly #policies: Policies<Policy, PolicyBinding>;
  readonly #compiled = new WeakMap<Policy, CompiledMutatingPolicy>();

  constructor(deps: MutatingPolicyDeps) {
    this.#deps = deps;
    this.#policies = new Policies(deps.reader, mutatingadmissionpolicies, mutatingadmissionpolicybindings);
  }

  async admit(attributes: AdmissionAttributes): Promise<void> {
    const { bound } = this.#policies;
    if (bound.length === 0 || attributes.operation === 'DELETE' || isExempt(attributes.resource)) return;
    const { reinvocation } = attributes;
    const memory = reinvocation.recall(this.name, newMemory);
    if (reinvocation.isSecond && !isDeepStrictEqual(memory.output, attributes.object)) askAgain(memory);
    const answers = new Answers(this.#deps.authorizer, attributes.user);
    const failures: Failure[] = [];
    for (const invocation of await invocationsOf(bound, attributes, this.#deps)) {
      if ('message' in invocation) failures.push(invocation);
      else failures.push(...(await this.#invoke(invocation, attributes, answers, memory)));
    }
    if (memory.willing.size > 0 || memory.again.size > 0) memory.output = structuredClone(attributes.object);
    const refusing = failures.filter(({ policy }) => policy.spec.failurePolicy !== 'Ignore');
    if (refusing.length > 0) throw refusal(attributes, refusing);
  }

  async #invoke(
    { policy, binding, resource, params }: Invocation<Policy, PolicyBinding>,
    attributes: AdmissionAttributes,
    answers: Answers,
    memory: Memory,
  ): Promise<readonly Failure[]> {
    const { reinvocation, versions } = attributes;
    const cel = await loadCel();
    const compiled = await this.#compile(policy);
    const failed = (message: string): Failure => ({ policy, binding, message, reason: 'Invalid' });
    const namespace = namespaceFor(attributes, this.#deps.reader);
    const { oldObject } = attributes;
    const old = oldObject && (await versions.present(oldObject, resource));
    const shown = attributes.object && (await versions.present(attributes.object, resource));
    const input = { attributes, resource, object: shown, oldObject: old, params };
    const matched = await matchesConditions(cel, compiled.conditions, input, answers, compiled.variables);
    if (matched === false) return [];
    if (matched !== true) return [failed(matched.error)];
    const key = keyOf(policy, binding, params);
    if (reinvocation.isSecond && !memory.again.has(key)) return [];

    const before = attributes.object;
    const failures: Failure[] = [];
    for (const mutation of compiled.mutations) {
      const { object } = attributes;
      if (!object) break;
      const current = await versions.present(object, resource);
      const { variables } = compiled;
      try {
        const next = await mutate(
          cel,
          mutation,
          { ...input, object: current, namespace },
          { answers, variables },
          this.#deps.shapeOf,
        );
        if (next !== current)
          attributes.object = await accepted(attributes, next, resource, mutation.mutation);
      } catch (err) {
        if (!(err instanceof MutationProblem)) throw err;
        failures.push(failed(err.message));
      }
    }
    if (before !== attributes.object && !isDeepStrictEqual(plain(before), plain(attributes.object))) {
      askAgain(memory);
      reinvocation.want();
    }
    if (policy.spec.reinvocationPolicy === 'IfNeeded') memory.willing.add(key);
    return failures;
  }

  async #compile(policy: Policy): Promise<CompiledMutatingPolicy> {
    const known = this.#compiled.get(policy);
    if (known) return known;
    const compiled = compileMutatingPolicy(await loadCel(), policy);
    this.#compiled.set(policy, compiled);
    return compiled;
  }
}

/** What a mutation left, as it is stored. Throws a {@link MutationProblem}, or 500 for a patch that made nonsense, as upstream. */
async function accepted(
  { versions }: AdmissionAttributes,
  object: KubeObject,
  resource: Resource,
  { patchType }: Mutation,
): Promise<KubeObject> {
  try {
    return await versions.accept(object, resource, patchType === 'JSONPatch' ? 'Strict' : 'Ignore');
  } catch (err) {
    if (!(err instanceof StatusError)) throw err;
    const why = /cannot be handled as an? \w+: (.*)$/s.exec(err.message)?.[1] ?? err.message;
    if (patchType === 'JSONPatch') throw internalError(new Error(why));
    throw new MutationProblem(`error applying patch: failed to convert patch object to typed object: ${why}`);
  }
}

const newMemory = (): Memory => ({ output: undefined, willing: new Set(), again: new Set() });

function askAgain({ willing, again }: Memory): void {
  for (const key of willing) again.add(key);
  willing.clear();
}

const keyOf = (policy: Policy, binding: PolicyBinding, params: KubeObject | undefined): string =>
  [policy, binding, params]
    .map((object) => `${object?.metadata.namespace}/${object?.metadata.name}`)
    .join(' ');

/** As it will be written: what is undefined there is absent. */
const plain = (object: KubeObject | undefined): unknown => object && JSON.parse(JSON.stringify(object));

function refusal(attributes: AdmissionAttributes, failures: readonly Failure[]): StatusError {
  const texts = failures.map(({ policy, binding, message }) => {
    const { name } = policy.metadata;
    return binding
      ? `policy '${name}' with binding '${binding.metadata.name}' denied request: ${message}`
      : `policy ${JSON.stringify(name)} denied request: ${message}`;
  });
  const { details } = refused(attributes, '');
  // Upstream keeps the code of a refusal under the reason of the failure.
  return new StatusError(failures[0]?.reason ?? 'Forbidden', texts[0] ?? '', {
    code: 403,
    details: { ...details, causes: texts.map((message) => ({ message })) },
  });
}
