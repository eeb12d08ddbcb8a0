import { type FieldError, required } from '#proto/meta/field-error.ts';
import type {
  MatchResources,
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
} from '#proto/schema/generated/admissionregistration-v1.ts';
import { validateRule } from '#server/registry/admissionregistration/rule.ts';
import type { Strategy } from '#server/registry/strategy.ts';
import { eachAt, named, oneOf } from '#server/registry/validation/field-checks.ts';
import { dnsSubdomainProblems } from '#server/registry/validation/names.ts';
import { validateLabelSelector } from '#server/registry/validation/selectors.ts';

export const validatingAdmissionPolicy: Strategy<ValidatingAdmissionPolicy> = {
  generation: true,
  applyDefaults: (object) => {
    object.spec ??= {};
    object.spec.failurePolicy ??= 'Fail';
    applyMatchDefaults(object.spec.matchConstraints);
  },
  validate: ({ spec }) => {
    const errors = validateConstraints(spec.matchConstraints);
    if (!spec.validations?.length && !spec.auditAnnotations?.length) {
      const detail = 'validations or auditAnnotations must contain at least one item';
      errors.push(required('spec.validations', detail));
    }
    return [
      ...errors,
      ...oneOf('spec.failurePolicy', spec.failurePolicy, ['Fail', 'Ignore']),
      ...eachAt(spec.validations, 'spec.validations', ({ expression }, at) =>
        expression?.trim() ? [] : [required(`${at}.expression`, 'expression is not specified')],
      ),
    ];
  },
};

export const mutatingAdmissionPolicy: Strategy<MutatingAdmissionPolicy> = {
  generation: true,
  applyDefaults: (object) => {
    object.spec ??= {};
    object.spec.failurePolicy ??= 'Fail';
    applyMatchDefaults(object.spec.matchConstraints);
  },
  validate: ({ spec }) => [
    ...validateConstraints(spec.matchConstraints),
    ...(spec.mutations?.length
      ? []
      : [required('spec.mutations', 'mutations must contain at least one item')]),
    ...oneOf('spec.failurePolicy', spec.failurePolicy, ['Fail', 'Ignore']),
  ],
};

export const validatingAdmissionPolicyBinding: Strategy<ValidatingAdmissionPolicyBinding> = {
  generation: true,
  applyDefaults: (object) => {
    object.spec ??= {};
    applyMatchDefaults(object.spec.matchResources);
  },
  validate: ({ spec }) => [
    ...named('spec.policyName', spec.policyName, dnsSubdomainProblems),
    ...(spec.validationActions?.length ? [] : [required('spec.validationActions')]),
    ...eachAt(spec.validationActions, 'spec.validationActions', (action, at) =>
      oneOf(at, action, ['Audit', 'Deny', 'Warn']),
    ),
  ],
};

export const mutatingAdmissionPolicyBinding: Strategy<MutatingAdmissionPolicyBinding> = {
  generation: true,
  applyDefaults: (object) => {
    object.spec ??= {};
    applyMatchDefaults(object.spec.matchResources);
  },
  validate: ({ spec }) => named('spec.policyName', spec.policyName, dnsSubdomainProblems),
};

function applyMatchDefaults(match: MatchResources | undefined): void {
  if (!match) return;
  match.matchPolicy ??= 'Equivalent';
  match.namespaceSelector ??= {};
  match.objectSelector ??= {};
  for (const rule of [...(match.resourceRules ?? []), ...(match.excludeResourceRules ?? [])])
    rule.scope ??= '*';
}

function validateConstraints(match: MatchResources | undefined): FieldError[] {
  const path = 'spec.matchConstraints';
  if (!match) return [required(path)];
  return [
    ...validateLabelSelector(match.namespaceSelector, `${path}.namespaceSelector`),
    ...validateLabelSelector(match.objectSelector, `${path}.objectSelector`),
    ...(match.resourceRules?.length ? [] : [required(`${path}.resourceRules`)]),
    ...eachAt(match.resourceRules, `${path}.resourceRules`, validateRule),
    ...eachAt(match.excludeResourceRules, `${path}.excludeResourceRules`, validateRule),
  ];
}
