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
    ...eachAt(
      aggregationRule?.clusterRoleSelectors,
      'aggregationRule.clusterRoleSelectors',
      validateLabelSelector,
    ),
  ],
};
