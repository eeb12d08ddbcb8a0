import type {
  Node,
  NodeSelector,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  Pod,
} from '#proto/schema/generated/core-v1.ts';
import { type Filter, refusal } from './filter.ts';

/** Rule: component-helpers `scheduling/corev1/nodeaffinity`. Terms are alternatives; an empty term matches nothing. */
export function matchesNodeSelector(selector: NodeSelector, node: Node): boolean {
  return selector.nodeSelectorTerms.some((term) => matchesTerm(term, node));
}

export function matchesTerm(term: NodeSelectorTerm, node: Node): boolean {
  const { matchExpressions = [], matchFields = [] } = term;
  if (matchExpressions.length + matchFields.length === 0) return false;
  return (
    matchExpressions.every((requirement) => satisfies(requirement, labelOf(node, requirement.key))) &&
    matchFields.every((r) => satisfies(r, r.key === 'metadata.name' ? node.metadata.name : undefined))
  );
}

const INTEGER = /^[+-]?\d+$/;

/** A label's key may be `constructor`: only the node's own labels count. */
function labelOf({ metadata: { labels = {} } }: Node, key: string): string | undefined {
  return Object.hasOwn(labels, key) ? labels[key] : undefined;
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
      if (!INTEGER.test(actual ?? '') || !INTEGER.test(values[0] ?? '')) return false;
      const difference = BigInt(actual ?? '') - BigInt(values[0] ?? '');
      return operator === 'Gt' ? difference > 0n : difference < 0n;
    }
    default:
      return false;
  }
}

/** Has the Pod a `nodeSelector` or a required affinity to nodes? */
export const choosesNodes = ({ spec }: Pod): boolean =>
  spec.nodeSelector !== undefined ||
  spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution !== undefined;

/** Do the Pod's `nodeSelector` and its required affinity both allow the node? */
export function allows(pod: Pod, node: Node): boolean {
  const required = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return (
    Object.entries(pod.spec.nodeSelector ?? {}).every(([key, value]) => labelOf(node, key) === value) &&
    (!required || matchesNodeSelector(required, node))
  );
}

const OTHER = refusal("node(s) didn't match Pod's node affinity/selector");

export const nodeAffinity: Filter = {
  name: 'NodeAffinity',
  prepare: ({ pod }) =>
    choosesNodes(pod) ? ({ node }) => (allows(pod, node) ? undefined : OTHER) : undefined,
};
