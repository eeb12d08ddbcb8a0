import { type FieldError, invalidValue } from '#proto/meta/field-error.ts';
import type { Lease } from '#proto/schema/generated/coordination-v1.ts';
import type { Strategy } from '#server/registry/strategy.ts';
import { nonNegative } from '#server/registry/validation/field-checks.ts';

export const lease: Strategy<Lease> = {
  validate: ({ spec }) => {
    const errors: FieldError[] = [];
    const seconds = spec?.leaseDurationSeconds;
    if (seconds !== undefined && seconds <= 0) {
      errors.push(invalidValue('spec.leaseDurationSeconds', seconds, 'must be greater than 0'));
    }
    return [...errors, ...nonNegative('spec.leaseTransitions', spec?.leaseTransitions)];
  },
};
