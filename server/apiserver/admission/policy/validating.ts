import { validatingadmissionpolicies } from '#proto/api/admissionregistration/validatingadmissionpolicies.ts';
import { validatingadmissionpolicybindings } from '#proto/api/admissionregistration/validatingadmissionpolicybindings.ts';
import type { Resource } from '#proto/api/resource.ts';
import { CODE_OF_REASON, StatusError, type StatusReason } from '#proto/meta/status-error.ts';
import type {
  ValidatingAdmissionPolicy as Policy,
  ValidatingAdmissionPolicyBinding as PolicyBinding,
} from '#proto/schema/generated/admissionregistration-v1.ts';
import type { AdmissionAttributes, AdmissionPlugin } from '#server/apiserver/admission/admission.ts';
import { Answers } from '#server/apiserver/admission/expressions/answers.ts';
import {
  type CompiledValidatingPolicy,
  compileValidatingPolicy,
} from '#server/apiserver/admission/policy/compile-policy.ts';
import { type Denial, decide } from '#server/apiserver/admission/policy/decide.ts';
import { Policies } from '#server/apiserver/admission/policy/policies.ts';
import {
  type Invocation,
  invocationsOf,
  namespaceFor,
  type PolicyDeps,
} from '#server/apiserver/admission/policy/policy-run.ts';
import { refused } from '#server/apiserver/admission/refuse.ts';
import { isExempt } from '#server/apiserver/admission/webhook/match.plan.ts';
import { loadCel } from '#server/cel/load.ts';

const MAX_ANNOTATION_LENGTH = 10 * 1024;

/** A denial, and who says it. */
interface Refusal {
  readonly policy: Policy;
  readonly binding: PolicyBinding | undefined;
  readonly message: string;
  readonly reason?: string | undefined;
}

/**
 * Policies that refuse, warn of or note what is written. All that are bound are heard, and the first refusal is quoted.
 * Rule: apiserver `pkg/admission/plugin/policy/validating`.
 */
export class ValidatingAdmissionPolicy implements AdmissionPlugin {
  readonly name = 'ValidatingAdmissionPolicy';
  readonly #deps: PolicyDeps;
  readonly #policies: Policies<Policy, PolicyBinding>;
  readonly #compiled = new WeakMap<Policy, CompiledValidatingPolicy>();

  constructor(deps: PolicyDeps) {
    this.#deps = deps;
    this.#policies = new Policies(
      deps.reader,
      validatingadmissionpolicies,
      validatingadmissionpolicybindings,
    );
  }

  async validate(attributes: AdmissionAttributes): Promise<void> {
    const { bound } = this.#policies;
    if (bound.length === 0 || isExempt(attributes.resource)) return;
    const refusals: Refusal[] = [];
    const annotations = new Map<string, Set<string>>();
    const evaluation = new Evaluation(attributes, this.#deps, (policy) => this.#compile(policy));
    for (const invocation of await invocationsOf(bound, attributes, this.#deps)) {
      if ('message' in invocation) {
        if (invocation.policy.spec.failurePolicy !== 'Ignore') refusals.push(invocation);
        continue;
      }
      const { policy, binding } = invocation;
      const decision = await evaluation.decide(invocation);
      for (const denial of decision.denials)
        if (act(denial, policy, binding, attributes)) refusals.push({ policy, binding, ...denial });
      for (const message of decision.annotationErrors) refusals.push({ policy, binding, message });
      for (const { key, value } of decision.annotations) {
        const full = `${policy.metadata.name}/${key}`;
        const values = annotations.get(full) ?? new Set();
        annotations.set(full, values.add(value.slice(0, MAX_ANNOTATION_LENGTH)));
      }
    }
    for (const [key, values] of annotations) attributes.annotate(key, [...values].join(', '));
    const [first] = refusals;
    if (first) throw refusal(attributes, first);
  }

  async #compile(policy: Policy): Promise<CompiledValidatingPolicy> {
    const known = this.#compiled.get(policy);
    if (known) return known;
    const compiled = compileValidatingPolicy(await loadCel(), policy);
    this.#compiled.set(policy, compiled);
    return compiled;
  }
}

/** What the policies of one write share: its objects in each version, and the answers of the authorizer. */
class Evaluation {
  readonly #attributes: AdmissionAttributes;
  readonly #deps: PolicyDeps;
  readonly #compile: (policy: Policy) => Promise<CompiledValidatingPolicy>;
  readonly #answers: Answers;
  readonly #shown = new Map<Resource, Promise<Pick<Shown, 'object' | 'oldObject'>>>();

  constructor(
    attributes: AdmissionAttributes,
    deps: PolicyDeps,
    compile: (policy: Policy) => Promise<CompiledValidatingPolicy>,
  ) {
    this.#attributes = attributes;
    this.#deps = deps;
    this.#compile = compile;
    this.#answers = new Answers(deps.authorizer, attributes.user);
  }

  async decide({ policy, resource, params }: Invocation<Policy, PolicyBinding>) {
    const attributes = this.#attributes;
    const namespace = namespaceFor(attributes, this.#deps.reader);
    const shown = this.#shown.get(resource) ?? show(attributes, resource);
    this.#shown.set(resource, shown);
    const input = { attributes, resource, params, namespace, ...(await shown) };
    const failsOpen = policy.spec.failurePolicy === 'Ignore';
    return decide(await loadCel(), await this.#compile(policy), input, this.#answers, failsOpen);
  }
}

type Shown = Pick<AdmissionAttributes, 'object' | 'oldObject'>;

async function show(
  { object, oldObject, versions }: AdmissionAttributes,
  resource: Resource,
): Promise<Shown> {
  return {
    object: object && (await versions.present(object, resource)),
    oldObject: oldObject && (await versions.present(oldObject, resource)),
  };
}

/** Does what the binding says about a denial. True where it refuses the write. */
function act(
  { message, index }: Denial,
  policy: Policy,
  { metadata, spec }: PolicyBinding,
  attributes: AdmissionAttributes,
): boolean {
  const { validationActions = [], policyName } = spec;
  for (const action of validationActions) {
    if (action === 'Warn')
      attributes.warn(
        `Validation failed for ValidatingAdmissionPolicy '${policy.metadata.name}' with binding '${metadata.name}': ${message}`,
      );
    if (action === 'Audit') {
      const failure = {
        message,
        policy: policyName,
        binding: metadata.name,
        expressionIndex: index,
        validationActions,
      };
      attributes.annotate('validation.policy.admission.k8s.io/validation_failure', JSON.stringify([failure]));
    }
  }
  return validationActions.includes('Deny');
}

function refusal(
  attributes: AdmissionAttributes,
  { policy, binding, message, reason }: Refusal,
): StatusError {
  const by = binding ? ` with binding '${binding.metadata.name}'` : '';
  const text = `ValidatingAdmissionPolicy '${policy.metadata.name}'${by} denied request: ${message}`;
  const { message: whole, details } = refused(attributes, text);
  const known = (reason ?? 'Invalid') as StatusReason;
  return new StatusError(known, whole, {
    code: CODE_OF_REASON[known] ?? CODE_OF_REASON.Invalid,
    details: { ...details, causes: [{ message: text }] },
  });
}
