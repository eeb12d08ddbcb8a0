import { duplicate, type FieldError, invalidValue, notSupported, required } from '#proto/meta/field-error.ts';
import { labelKeyProblems } from '#proto/meta/label-syntax.ts';
import type {
  AuditAnnotation,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  ValidatingAdmissionPolicySpec,
  Validation,
} from '#proto/schema/generated/admissionregistration-v1.ts';
import { BOOL, NULL, STRING } from '#server/cel/type.ts';
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
  validateParamKind,
  validateParamRef,
} from '#server/registry/admissionregistration/match-resources.ts';
import type { Strategy, StrategyContext } from '#server/registry/strategy.ts';
import { eachAt, named, oneOf, problemsAt } from '#server/registry/validation/field-checks.ts';
import { dnsSubdomainProblems } from '#server/registry/validation/names.ts';

const REASONS = ['Forbidden', 'Invalid', 'RequestEntityTooLarge'];
const MAX_ANNOTATIONS = 20;
const MAX_ANNOTATION_BYTES = 5 * 1024;
const NOT_EMPTY = 'must be non-empty if specified';

export const validatingAdmissionPolicy: Strategy<ValidatingAdmissionPolicy> = {
  generation: true,
  unconditionalUpdate: false,
  needsCel: () => true,
  applyDefaults: (object) => {
    object.spec ??= {};
    object.spec.failurePolicy ??= 'Fail';
    applyMatchDefaults(object.spec.matchConstraints);
  },
  prepareForCreate: (object) => {
    object.status = {};
  },
  validate: ({ metadata, spec }, context) => [
    ...oneOf('spec.failurePolicy', spec.failurePolicy, ['Fail', 'Ignore']),
    ...validateParamKind(spec.paramKind),
    ...validateMatchConstraints(spec.matchConstraints),
    ...validateMatchConditions(spec.matchConditions, 'spec.matchConditions', {
      cel: context.cel,
      hasParams: spec.paramKind !== undefined,
    }),
    ...validateExpressions(metadata.name ?? '', spec, context),
  ],
};

function validateExpressions(
  name: string,
  spec: ValidatingAdmissionPolicySpec,
  { cel }: StrategyContext,
): FieldError[] {
  const { variables, validations, auditAnnotations } = spec;
  if (!validations?.length && !auditAnnotations?.length) {
    const detail = 'validations or auditAnnotations must contain at least one item';
    return [required('spec.validations', detail), required('spec.auditAnnotations', detail)];
  }
  if (!cel) return [];
  const composition = new Composition(cel, {
    hasParams: spec.paramKind !== undefined,
    hasVariables: (variables?.length ?? 0) > 0,
  });
  return [
    ...validateVariables(variables, 'spec.variables', composition),
    ...eachAt(validations, 'spec.validations', (validation, at) =>
      validateValidation(validation, at, composition),
    ),
    ...validateAnnotations(name, auditAnnotations ?? [], composition),
  ];
}

function validateValidation(validation: Validation, path: string, composition: Composition): FieldError[] {
  const { expression = '', messageExpression = '', message = '', reason } = validation;
  const errors: FieldError[] = [];
  if (expression.trim() === '') errors.push(required(`${path}.expression`, 'expression is not specified'));
  else {
    const compiled = composition.compile(expression, { result: [BOOL] });
    errors.push(...compileErrors(compiled, `${path}.expression`, expression));
  }
  if (messageExpression !== '' && messageExpression.trim() === '')
    errors.push(invalidValue(`${path}.messageExpression`, messageExpression, NOT_EMPTY));
  else if (messageExpression !== '') {
    const compiled = composition.compile(messageExpression, { result: [STRING], withoutAuthorizer: true });
    errors.push(...compileErrors(compiled, `${path}.messageExpression`, messageExpression));
  }
  if (message !== '' && message.trim() === '')
    errors.push(invalidValue(`${path}.message`, message, NOT_EMPTY));
  else if (/[\n\r]/.test(message.trim()))
    errors.push(invalidValue(`${path}.message`, message, 'must not contain line breaks'));
  if (reason !== undefined && !REASONS.includes(reason))
    errors.push(notSupported(`${path}.reason`, reason, REASONS));
  return errors;
}

function validateAnnotations(
  name: string,
  annotations: readonly AuditAnnotation[],
  composition: Composition,
): FieldError[] {
  const path = 'spec.auditAnnotations';
  const keys = new Set<string>();
  const errors: FieldError[] =
    annotations.length > MAX_ANNOTATIONS
      ? [invalidValue(path, annotations, `must not have more than ${MAX_ANNOTATIONS} auditAnnotations`)]
      : [];
  return [
    ...errors,
    ...eachAt(annotations, path, ({ key, valueExpression = '' }, at) => {
      const found: FieldError[] =
        name === ''
          ? [invalidValue(`${at}.key`, key, 'requires metadata.name be non-empty')]
          : problemsAt(`${at}.key`, `${name}/${key}`, labelKeyProblems(`${name}/${key}`));
      found.push(...validateValueExpression(valueExpression, `${at}.valueExpression`, composition));
      if (keys.has(key)) found.push(duplicate(`${at}.key`, key));
      keys.add(key);
      return found;
    }),
  ];
}

function validateValueExpression(source: string, path: string, composition: Composition): FieldError[] {
  const trimmed = source.trim();
  if (trimmed === '') return [required(path, 'valueExpression is not specified')];
  if (Buffer.byteLength(trimmed) > MAX_ANNOTATION_BYTES)
    return [required(path, `must not exceed ${MAX_ANNOTATION_BYTES} bytes in length`)];
  return compileErrors(composition.compile(trimmed, { result: [STRING, NULL] }), path, source);
}

export const validatingAdmissionPolicyBinding: Strategy<ValidatingAdmissionPolicyBinding> = {
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
    ...validateActions(spec.validationActions ?? []),
  ],
};

function validateActions(actions: readonly string[]): FieldError[] {
  const path = 'spec.validationActions';
  if (actions.length === 0) return [required(path, 'at least one validation action is required')];
  const errors = actions.flatMap((action, i) => [
    ...(['Audit', 'Deny', 'Warn'].includes(action)
      ? []
      : [notSupported(`${path}[${i}]`, action, ['Audit', 'Deny', 'Warn'])]),
    ...(actions.indexOf(action) < i ? [duplicate(`${path}[${i}]`, action)] : []),
  ]);
  if (!actions.includes('Deny') || !actions.includes('Warn')) return errors;
  const detail =
    'must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)';
  return [...errors, invalidValue(path, actions, detail)];
}
