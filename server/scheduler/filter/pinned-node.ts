import type { NodeSelectorTerm } from '#proto/schema/generated/core-v1.ts';
import type { PodInfo } from '../pod-info.plan.ts';
import { refusal } from './filter.ts';

/** Of the nodes that a Pod's terms do not name. */
export const NOT_NAMED = refusal("node(s) didn't satisfy plugin(s) [NodeAffinity]");

/**
 * The nodes of a Pod whose every required term names its nodes, as a DaemonSet's does; undefined where any node may do. All
 * others are out, whatever else they lack: what upstream's NodeAffinity does before it looks at any node.
 */
export function pinnedNodes({ pod }: PodInfo): readonly string[] | undefined {
  const required = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  const terms = required?.nodeSelectorTerms ?? [];
  if (terms.length === 0) return undefined;
  const names = new Set<string>();
  for (const term of terms) {
    const named = namesOf(term);
    if (!named) return undefined;
    for (const name of named) names.add(name);
  }
  return [...names];
}

function namesOf({ matchFields = [] }: NodeSelectorTerm): readonly string[] | undefined {
  let names: readonly string[] | undefined;
  for (const { key, operator, values = [] } of matchFields) {
    if (key !== 'metadata.name' || operator !== 'In') continue;
    names = names ? names.filter((name) => values.includes(name)) : values;
  }
  return names;
}
