import { type FieldError, invalidValue, notSupported, required } from '#proto/meta/field-error.ts';
import type {
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
  MutatingAdmissionPolicySpec,
  Mutation,
} from '#proto/schema/generated/admissionregistration-v1.ts';
import { listOf, objectOf } from '#server/cel/type.ts';
import { Composition } from '#server/registry/admissionregistration/composition.ts';
import {
  compileErrors,
  validateMatchConditions,
  validateVariables,
} from '#server/registry/admissionregistration/expressions.ts';
import {
  applyMatchDefaults,
  validateMatchConstraints,
  validateMatchResources,
  validateMutableOperations,
  validateParamKind,
  validateParamRef,
} from '#server/registry/admissionregistration/match-resources.ts';
import type { Strategy, StrategyContext } from '#server/registry/strategy.ts';
import { eachAt, named, oneOf } from '#server/registry/validation/field-checks.ts';
import { dnsSubdomainProblems } from '#server/registry/validation/names.ts';

/** What the expression of a mutation must evaluate to, by its patch type. */
export const PATCH_RESULT = {
  ApplyConfiguration: objectOf('Object', {}),
  JSONPatch: listOf(objectOf('JSONPatch', {})),
} as const;

export const mutatingAdmissionPolicy: Strategy<MutatingAdmissionPolicy> = {
  generation: true,
  unconditionalUpdate: false,
  needsCel: () => true,
  applyDefaults: (object) => {
    object.spec ??= {};
    object.spec.failurePolicy ??= 'Fail';
    applyMatchDefaults(object.spec.matchConstraints);
  },
  validate: ({ spec }, context) => [
    ...oneOf('spec.failurePolicy', spec.failurePolicy, ['Fail', 'Ignore']),
    ...validateParamKind(spec.paramKind),
    ...validateMatchConstraints(spec.matchConstraints),
    ...validateMutableOperations(spec.matchConstraints, 'spec.matchConstraints'),
    ...validateMatchConditions(spec.matchConditions, 'spec.matchConditions', {
      cel: context.cel,
      hasParams: spec.paramKind !== undefined,
    }),
    ...validateExpressions(spec, context),
    ...oneOf('spec.reinvocationPolicy', spec.reinvocationPolicy, ['IfNeeded', 'Never']),
  ],
};

function validateExpressions(spec: MutatingAdmissionPolicySpec, { cel }: StrategyContext): FieldError[] {
  const none = spec.mutations?.length
    ? []
    : [required('spec.mutations', 'mutations must contain at least one item')];
  if (!cel) return none;
  const composition = new Composition(cel, { hasParams: spec.paramKind !== undefined, hasVariables: true });
  return [
    ...validateVariables(spec.variables, 'spec.variables', composition),
    ...none,
    ...eachAt(spec.mutations, 'spec.mutations', (mutation, at) =>
      validateMutation(mutation, at, composition),
    ),
  ];
}

function validateMutation(mutation: Mutation, path: string, composition: Composition): FieldError[] {
  const { patchType, jsonPatch, applyConfiguration } = mutation;
  if (!patchType) return [required(`${path}.patchType`)];
  if (patchType !== 'JSONPatch' && patchType !== 'ApplyConfiguration')
    return [notSupported(`${path}.patchType`, patchType, ['ApplyConfiguration', 'JSONPatch'])];
  const isPatch = patchType === 'JSONPatch';
  const [own, other] = isPatch ? ['jsonPatch', 'applyConfiguration'] : ['applyConfiguration', 'jsonPatch'];
  const errors = validatePatch(
    isPatch ? jsonPatch : applyConfiguration,
    `${path}.${own}`,
    patchType,
    composition,
  );
  if ((isPatch ? applyConfiguration : jsonPatch) === undefined) return errors;
  const detail = `must not be specified when patchType is ${patchType}`;
  return [...errors, invalidValue(`${path}.${other}`, `{${other}}`, detail)];
}

function validatePatch(
  patch: { readonly expression?: string | undefined } | undefined,
  path: string,
  patchType: keyof typeof PATCH_RESULT,
  composition: Composition,
): FieldError[] {
  if (!patch) return [required(path, `must be specified when patchType is ${patchType}`)];
  const source = patch.expression?.trim() ?? '';
  if (source === '') return [required(`${path}.expression`)];
  const compiled = composition.compile(source, { mutation: true, result: [PATCH_RESULT[patchType]] });
  return compileErrors(compiled, `${path}.expression`, source);
}

export const mutatingAdmissionPolicyBinding: Strategy<MutatingAdmissionPolicyBinding> = {
  generation: true,
  unconditionalUpdate: false,
  applyDefaults: (object) => {
    object.spec ??= {};
    applyMatchDefaults(object.spec.matchResources);
  },
  validate: ({ spec }) => [
    ...named('spec.policyName', spec.policyName, dnsSubdomainProblems),
    ...validateParamRef(spec.paramRef),
    ...validateMatchResources(spec.matchResources, 'spec.matchResources'),
    ...validateMutableOperations(spec.matchResources, 'spec.matchResources'),
  ],
};
