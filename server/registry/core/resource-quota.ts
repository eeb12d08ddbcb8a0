import { invalidValue } from '#proto/meta/field-error.ts';
import type { ResourceQuota } from '#proto/schema/generated/core-v1.ts';
import type { Strategy } from '#server/registry/strategy.ts';
import { isSame } from '#server/registry/validation/field-checks.ts';
import { validateAmounts } from '#server/registry/validation/quantities.ts';

/** ResourceQuotas. Rule: upstream's `ValidateResourceQuota`. */
export const resourceQuota: Strategy<ResourceQuota> = {
  generation: false,
  applyDefaults: (object) => {
    object.spec ??= {};
  },
  validate: ({ spec, status }) => [
    ...validateAmounts(spec.hard, 'spec.hard'),
    ...validateAmounts(status?.hard, 'status.hard'),
    ...validateAmounts(status?.used, 'status.used'),
  ],
  validateUpdate: ({ spec }, old) =>
    isSame(spec.scopes, old.spec.scopes)
      ? []
      : [invalidValue('spec.scopes', spec.scopes, 'field is immutable')],
};
