import type { ClusterRole, PolicyRule } from '#proto/schema/generated/rbac-v1.ts';
import { equalJson } from '#server/controllers/json.ts';
import { matchesSelector } from '#server/controllers/label-selector.ts';

/** The rules that an aggregated role should have; undefined: it has them, or aggregates nothing. */
export function planAggregation(role: ClusterRole, all: readonly ClusterRole[]): PolicyRule[] | undefined {
  const selectors = role.aggregationRule?.clusterRoleSelectors;
  if (!selectors) return undefined;
  const rules: PolicyRule[] = [];
  const sorted = [...all].sort((a, b) => ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1));
  for (const selector of selectors) {
    for (const other of sorted) {
      if (other.metadata.name === role.metadata.name) continue;
      if (!matchesSelector(selector, other.metadata.labels)) continue;
      for (const rule of other.rules ?? []) {
        if (!rules.some((known) => equalJson(known, rule))) rules.push(rule);
      }
    }
  }
  return equalJson(rules, role.rules ?? []) ? undefined : rules;
}
