import type { NodeSelectorTerm } from '#proto/schema/generated/core-v1.ts';
import type { Filter } from './filter.ts';

/**
 * A Pod whose every required term names its nodes, as a DaemonSet's does: all others are out, whatever else they lack. What
 * upstream's NodeAffinity does before it looks at any node.
 */
export const pinnedNode: Filter = {
  name: 'NodeAffinity',
  reasons: ({ pod }, { node }) => {
    const required = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
    const terms = required?.nodeSelectorTerms ?? [];
    const eligible = terms.length === 0 || terms.some((term) => mayBe(term, node.metadata.name ?? ''));
    return eligible ? [] : ["node(s) didn't satisfy plugin(s) [NodeAffinity]"];
  },
};

const mayBe = ({ matchFields = [] }: NodeSelectorTerm, name: string): boolean =>
  matchFields.every(
    ({ key, operator, values = [] }) => key !== 'metadata.name' || operator !== 'In' || values.includes(name),
  );
