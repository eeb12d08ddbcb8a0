import { type FieldError, invalidValue } from '#proto/meta/field-error.ts';
import type { PodDisruptionBudget } from '#proto/schema/generated/policy-v1.ts';
import type { Strategy } from '#server/registry/strategy.ts';
import { oneOfOptional } from '#server/registry/validation/field-checks.ts';
import { isNotMoreThan100Percent, validateIntOrPercent } from '#server/registry/validation/int-or-percent.ts';
import { validateLabelSelector } from '#server/registry/validation/selectors.ts';

export const podDisruptionBudget: Strategy<PodDisruptionBudget> = {
  applyDefaults: (object) => {
    object.spec ??= {};
  },
  prepareForCreate: (object) => {
    object.status = { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 };
  },
  validate: ({ spec }) => {
    const errors: FieldError[] = [];
    if (spec.minAvailable !== undefined && spec.maxUnavailable !== undefined) {
      errors.push(invalidValue('spec', spec, 'minAvailable and maxUnavailable cannot be both set'));
    }
    for (const field of ['minAvailable', 'maxUnavailable'] as const) {
      errors.push(...validateIntOrPercent(spec[field], `spec.${field}`));
      errors.push(...isNotMoreThan100Percent(spec[field], `spec.${field}`));
    }
    return [
      ...errors,
      ...validateLabelSelector(spec.selector, 'spec.selector'),
      ...oneOfOptional('spec.unhealthyPodEvictionPolicy', spec.unhealthyPodEvictionPolicy, [
        'AlwaysAllow',
        'IfHealthyBudget',
      ]),
    ];
  },
};
