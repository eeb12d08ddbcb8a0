/** What the cluster says of its nodes on MQTT. Pure. */
import type { ClusterState, NodeConditions } from '#proto/agent/mqtt-topics.ts';
import type { Node, Pod } from '#proto/schema/generated/core-v1.ts';

/** Conditions of a node, and how many Pods it holds that have not ended. */
export function planNodeConditions(node: Node, pods: number): NodeConditions {
  const conditions = node.status?.conditions ?? [];
  return {
    ready: conditions.some(({ type, status }) => type === 'Ready' && status === 'True'),
    unschedulable: node.spec.unschedulable === true,
    problems: conditions
      .filter(({ type, status }) => type !== 'Ready' && status === 'True')
      .map(({ type }) => type)
      .sort(),
    pods,
  };
}

/** Pods that have not ended, by the node they are bound to. */
export function countPodsByNode(pods: Iterable<Pod>): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { spec, status } of pods) {
    if (!spec.nodeName || status?.phase === 'Succeeded' || status?.phase === 'Failed') continue;
    counts.set(spec.nodeName, (counts.get(spec.nodeName) ?? 0) + 1);
  }
  return counts;
}

/** Counts over the whole cluster. */
export function planClusterState(nodes: readonly Node[], pods: Iterable<Pod>): ClusterState {
  let all = 0;
  let running = 0;
  for (const { status } of pods) {
    all++;
    if (status?.phase === 'Running') running++;
  }
  const ready = nodes.filter((node) => planNodeConditions(node, 0).ready).length;
  return { nodes: nodes.length, ready, pods: all, running };
}
