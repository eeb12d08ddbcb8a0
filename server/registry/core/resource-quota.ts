import { type FieldError, invalidValue } from '#proto/meta/field-error.ts';
import type { ResourceQuota } from '#proto/schema/generated/core-v1.ts';
import { validateScopeSelector, validateScopes } from '#server/registry/core/resource-quota-scopes.ts';
import type { Strategy } from '#server/registry/strategy.ts';
import { isSame } from '#server/registry/validation/field-checks.ts';
import { validateQuotaAmounts } from '#server/registry/validation/quota-amounts.ts';

/** ResourceQuotas. Rule: upstream's `ValidateResourceQuota`. */
export const resourceQuota: Strategy<ResourceQuota> = {
  generation: false,
  applyDefaults: (object) => {
    object.spec ??= {};
  },
  prepareForCreate: (object) => {
    object.status = {};
  },
  validate: ({ spec, status }) => [
    ...validateQuotaAmounts(spec.hard, 'spec.hard'),
    ...validateScopes(spec),
    ...validateScopeSelector(spec),
    ...validateQuotaAmounts(status?.hard, 'status.hard'),
    ...validateQuotaAmounts(status?.used, 'status.used'),
  ],
  validateUpdate: ({ spec }, old) => scopesChange(spec, old.spec),
};

const scopesChange = (spec: ResourceQuota['spec'], old: ResourceQuota['spec']): FieldError[] =>
  isSame([...(spec.scopes ?? [])].sort(), [...(old.scopes ?? [])].sort())
    ? []
    : [invalidValue('spec.scopes', spec.scopes ?? null, 'field is immutable')];
