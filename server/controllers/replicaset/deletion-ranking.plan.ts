import type { Pod } from '#proto/schema/generated/core-v1.ts';
import { isPodReady, podCondition } from '#server/controllers/pod-state.ts';
import { timeOf } from '#server/controllers/timestamps.ts';

const PHASE_RANK: Readonly<Record<string, number>> = { Pending: 0, Unknown: 1, Running: 2 };
const DELETION_COST = 'controller.kubernetes.io/pod-deletion-cost';

const costOf = (pod: Pod): number => {
  const text = pod.metadata.annotations?.[DELETION_COST] ?? '';
  return /^-?\d+$/.test(text) ? Number(text) : 0;
};

const restartsOf = (pod: Pod): number =>
  Math.max(0, ...(pod.status?.containerStatuses ?? []).map((c) => c.restartCount));

/** Ages are compared by their power of two: two pods of nearly the same age are equal. */
const ageRank = (since: number, now: number): number =>
  since === 0 ? -1 : Math.floor(Math.log2(Math.max(1, now - since)));

/**
 * Pods in the order in which they are given up: not scheduled, pending, not ready, cheap by
 * `pod-deletion-cost`, on a node with many siblings, ready for a short time, often restarted, young. Rule:
 * upstream's `ActivePodsWithRanks`. `siblings` are all active pods of this workload's family.
 */
export function rankForDeletion(pods: readonly Pod[], siblings: readonly Pod[], now: number): Pod[] {
  const perNode = new Map<string, number>();
  for (const { spec } of siblings) {
    if (spec.nodeName) perNode.set(spec.nodeName, (perNode.get(spec.nodeName) ?? 0) + 1);
  }
  const keys = pods.map((pod) => ({ pod, rank: rankOf(pod, perNode, now) }));
  keys.sort((a, b) => {
    for (let i = 0; i < a.rank.length; i += 1) {
      const order = (a.rank[i] ?? 0) - (b.rank[i] ?? 0);
      if (order !== 0) return order;
    }
    return (a.pod.metadata.uid ?? '') < (b.pod.metadata.uid ?? '') ? -1 : 1;
  });
  return keys.map(({ pod }) => pod);
}

function rankOf(pod: Pod, perNode: ReadonlyMap<string, number>, now: number): number[] {
  const ready = isPodReady(pod);
  const readySince = ready ? timeOf(podCondition(pod, 'Ready')?.lastTransitionTime) : 0;
  return [
    pod.spec.nodeName ? 1 : 0,
    PHASE_RANK[pod.status?.phase ?? 'Pending'] ?? 0,
    ready ? 1 : 0,
    costOf(pod),
    -(perNode.get(pod.spec.nodeName ?? '') ?? 0),
    ready ? ageRank(readySince, now) : 0,
    -restartsOf(pod),
    ageRank(timeOf(pod.metadata.creationTimestamp), now),
  ];
}
