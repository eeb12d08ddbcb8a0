import { type FieldError, forbiddenField, invalidValue, required } from '#proto/meta/field-error.ts';
import type { FlowSchema, PriorityLevelConfiguration } from '#proto/schema/generated/flowcontrol-v1.ts';
import type { Strategy } from '#server/registry/strategy.ts';
import { eachAt, named, nonNegative, oneOf } from '#server/registry/validation/field-checks.ts';
import { between, dnsSubdomainProblems } from '#server/registry/validation/names.ts';

const MAX_PRECEDENCE = 10_000;

/** Which requests belong together. */
export const flowSchema: Strategy<FlowSchema> = {
  applyDefaults: (object) => {
    if (object.spec) object.spec.matchingPrecedence ||= 1000;
  },
  validate: ({ spec }) => {
    const errors: FieldError[] = [];
    const precedence = spec?.matchingPrecedence ?? 0;
    if (precedence < 1 || precedence > MAX_PRECEDENCE) {
      errors.push(invalidValue('spec.matchingPrecedence', precedence, between(1, MAX_PRECEDENCE)));
    }
    return [
      ...errors,
      ...named(
        'spec.priorityLevelConfiguration.name',
        spec?.priorityLevelConfiguration?.name,
        dnsSubdomainProblems,
      ),
      ...eachAt(spec?.rules, 'spec.rules', ({ subjects, resourceRules, nonResourceRules }, at) => [
        ...(subjects?.length ? [] : [required(`${at}.subjects`, 'subjects must contain at least one value')]),
        ...(resourceRules?.length || nonResourceRules?.length
          ? []
          : [required(at, 'at least one of resourceRules and nonResourceRules has to be non-empty')]),
      ]),
    ];
  },
};

/** How many of them may run at once. */
export const priorityLevelConfiguration: Strategy<PriorityLevelConfiguration> = {
  applyDefaults: ({ spec }) => {
    if (spec?.exempt) {
      spec.exempt.nominalConcurrencyShares ??= 0;
      spec.exempt.lendablePercent ??= 0;
    }
    if (!spec?.limited) return;
    spec.limited.nominalConcurrencyShares ??= 30;
    spec.limited.lendablePercent ??= 0;
    const queuing = spec.limited.limitResponse?.queuing;
    if (!queuing) return;
    queuing.queues ||= 64;
    queuing.handSize ||= 8;
    queuing.queueLengthLimit ||= 50;
  },
  validate: ({ spec }) => {
    const errors = oneOf('spec.type', spec?.type, ['Exempt', 'Limited']);
    if (spec?.type === 'Exempt' && spec.limited) {
      errors.push(forbiddenField('spec.limited', 'must be nil if the type is not Limited'));
    }
    if (spec?.type === 'Limited' && !spec.limited)
      errors.push(required('spec.limited', 'must not be empty when type is Limited'));
    if (!spec?.limited) return errors;
    const type = spec.limited.limitResponse?.type;
    return [
      ...errors,
      ...nonNegative('spec.limited.nominalConcurrencyShares', spec.limited.nominalConcurrencyShares),
      ...oneOf('spec.limited.limitResponse.type', type, ['Queue', 'Reject']),
    ];
  },
};
