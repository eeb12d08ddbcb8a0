import type {
  Node,
  NodeSelector,
  NodeSelectorRequirement,
  NodeSelectorTerm,
} from '#proto/schema/generated/core-v1.ts';
import type { Filter } from './filter.ts';

/** Rule: component-helpers `scheduling/corev1/nodeaffinity`. Terms are alternatives; an empty term matches nothing. */
export function matchesNodeSelector(selector: NodeSelector, node: Node): boolean {
  return selector.nodeSelectorTerms.some((term) => matchesTerm(term, node));
}

export function matchesTerm(term: NodeSelectorTerm, node: Node): boolean {
  const { matchExpressions = [], matchFields = [] } = term;
  if (matchExpressions.length + matchFields.length === 0) return false;
  const labels = node.metadata.labels ?? {};
  return (
    matchExpressions.every((requirement) => satisfies(requirement, labels[requirement.key])) &&
    matchFields.every((r) => satisfies(r, r.key === 'metadata.name' ? node.metadata.name : undefined))
  );
}

function satisfies({ operator, values = [] }: NodeSelectorRequirement, actual: string | undefined): boolean {
  switch (operator) {
    case 'In':
      return actual !== undefined && values.includes(actual);
    case 'NotIn':
      return actual === undefined || !values.includes(actual);
    case 'Exists':
      return actual !== undefined;
    case 'DoesNotExist':
      return actual === undefined;
    case 'Gt':
    case 'Lt': {
      if (actual === undefined || !/^-?\d+$/.test(actual) || !/^-?\d+$/.test(values[0] ?? '')) return false;
      const difference = BigInt(actual) - BigInt(values[0] ?? '');
      return operator === 'Gt' ? difference > 0n : difference < 0n;
    }
    default:
      return false;
  }
}

export const nodeAffinity: Filter = {
  name: 'NodeAffinity',
  reasons: (pod, { node }) => {
    const labels = node.metadata.labels ?? {};
    const required = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
    const fits =
      Object.entries(pod.spec.nodeSelector ?? {}).every(([key, value]) => labels[key] === value) &&
      (!required || matchesNodeSelector(required, node));
    return fits ? [] : ["node(s) didn't match Pod's node affinity/selector"];
  },
};
