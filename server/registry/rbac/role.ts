import { type FieldError, required } from '#proto/meta/field-error.ts';
import type { ClusterRole, Role } from '#proto/schema/generated/rbac-v1.ts';
import { validatePolicyRule } from '#server/registry/rbac/rule.ts';
import type { Strategy } from '#server/registry/strategy.ts';
import { eachAt } from '#server/registry/validation/field-checks.ts';
import { validateLabelSelector } from '#server/registry/validation/selectors.ts';

/** Roles are named as people like: `system:node`. */
export const role: Strategy<Role> = {
  nameRule: 'path-segment',
  validate: ({ rules }) => eachAt(rules, 'rules', (rule, at) => validatePolicyRule(rule, at, true)),
};

export const clusterRole: Strategy<ClusterRole> = {
  nameRule: 'path-segment',
  validate: ({ rules, aggregationRule }) => [
    ...eachAt(rules ?? [], 'rules', (rule, at) => validatePolicyRule(rule, at, false)),
    ...validateAggregation(aggregationRule),
  ],
};

function validateAggregation(rule: ClusterRole['aggregationRule']): FieldError[] {
  if (!rule) return [];
  const path = 'aggregationRule.clusterRoleSelectors';
  if (!rule.clusterRoleSelectors?.length) {
    return [required(path, 'at least one clusterRoleSelector required if aggregationRule is non-nil')];
  }
  return eachAt(rule.clusterRoleSelectors, path, validateLabelSelector);
}
