import { BOARD_TAINTS } from '#proto/agent/board-conditions.ts';
import { timestamp } from '#proto/meta/timestamp.ts';
import type { Node, NodeCondition, Taint } from '#proto/schema/generated/core-v1.ts';

export const NOT_READY = 'node.kubernetes.io/not-ready';
export const UNREACHABLE = 'node.kubernetes.io/unreachable';
const UNSCHEDULABLE = 'node.kubernetes.io/unschedulable';

/** Conditions that only the node itself can vouch for. */
const VOUCHED = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'] as const;

/** Which taint a condition in which state means for scheduling. */
const CONDITION_TAINTS: readonly { type: string; status: string; key: string }[] = [
  { type: 'Ready', status: 'False', key: NOT_READY },
  { type: 'Ready', status: 'Unknown', key: UNREACHABLE },
  { type: 'MemoryPressure', status: 'True', key: 'node.kubernetes.io/memory-pressure' },
  { type: 'DiskPressure', status: 'True', key: 'node.kubernetes.io/disk-pressure' },
  { type: 'PIDPressure', status: 'True', key: 'node.kubernetes.io/pid-pressure' },
  { type: 'NetworkUnavailable', status: 'True', key: 'node.kubernetes.io/network-unavailable' },
];
const OWN_NO_SCHEDULE = new Set([...CONDITION_TAINTS.map(({ key }) => key), UNSCHEDULABLE]);
const OWN_OF_BOARD = new Set(BOARD_TAINTS.map(({ key, effect }) => `${key}:${effect}`));
const OWN_NO_EXECUTE = new Set([NOT_READY, UNREACHABLE]);

export const readyStatus = (node: Node): string =>
  node.status?.conditions?.find(({ type }) => type === 'Ready')?.status ?? 'Unknown';

/** The conditions of a node that is silent; undefined: they say so already. */
export function planSilentConditions(node: Node, now: number): NodeCondition[] | undefined {
  const conditions = node.status?.conditions ?? [];
  const stale = VOUCHED.filter(
    (type) => conditions.find((condition) => condition.type === type)?.status !== 'Unknown',
  );
  if (stale.length === 0) return undefined;
  const time = timestamp(now);
  const unknown = stale.map((type): NodeCondition => {
    const known = conditions.find((condition) => condition.type === type);
    return {
      type,
      status: 'Unknown',
      lastHeartbeatTime: known?.lastHeartbeatTime ?? node.metadata.creationTimestamp,
      lastTransitionTime: time,
      reason: known ? 'NodeStatusUnknown' : 'NodeStatusNeverUpdated',
      message: known ? 'Kubelet stopped posting node status.' : 'Kubelet never posted node status.',
    };
  });
  return [...conditions.filter(({ type }) => !stale.some((one) => one === type)), ...unknown];
}

/**
 * May unhealthy nodes be emptied? Not when nobody is healthy, for then it is rather the server's link that is
 * down; nor when most of a small cluster is gone, for the rest could not carry it. Rule: upstream's zone states.
 */
export function evictionMode(nodes: readonly Node[]): 'evict' | 'hold' | 'none' {
  const ready = nodes.filter((node) => readyStatus(node) === 'True').length;
  const notReady = nodes.length - ready;
  if (ready === 0 && notReady > 0) return 'none';
  return notReady > 2 && notReady / nodes.length >= 0.55 && nodes.length <= 50 ? 'hold' : 'evict';
}

/** The taints that a node's state asks for; undefined: it has them. Other people's taints stay. */
export function planTaints(node: Node, mode: 'evict' | 'hold' | 'none', now: number): Taint[] | undefined {
  const current = node.spec.taints ?? [];
  const wanted = wantedTaints(node, mode, current);
  const isOwn = (taint: Taint): boolean =>
    OWN_OF_BOARD.has(`${taint.key}:${taint.effect}`) ||
    (taint.effect === 'NoSchedule' && OWN_NO_SCHEDULE.has(taint.key)) ||
    (taint.effect === 'NoExecute' && OWN_NO_EXECUTE.has(taint.key));
  const same = (a: Taint, b: Taint): boolean => a.key === b.key && a.effect === b.effect;
  const kept = current.filter((taint) => !isOwn(taint) || wanted.some((one) => same(one, taint)));
  const added = wanted.filter((taint) => !current.some((one) => same(one, taint)));
  if (added.length === 0 && kept.length === current.length) return undefined;
  return [...kept, ...added.map((taint) => ({ ...taint, timeAdded: timestamp(now) }))];
}

function wantedTaints(node: Node, mode: 'evict' | 'hold' | 'none', current: readonly Taint[]): Taint[] {
  const taints = CONDITION_TAINTS.filter(({ type, status }) =>
    node.status?.conditions?.some((c) => c.type === type && c.status === status),
  ).map(({ key }): Taint => ({ key, effect: 'NoSchedule' }));
  for (const { type, key, effect } of BOARD_TAINTS)
    if (node.status?.conditions?.some((c) => c.type === type && c.status === 'True'))
      taints.push({ key, effect });
  if (node.spec.unschedulable) taints.push({ key: UNSCHEDULABLE, effect: 'NoSchedule' });
  const ready = node.status?.conditions?.find(({ type }) => type === 'Ready')?.status;
  // Upstream's controller takes admission's taint from a node that has not spoken yet. Here it stays until it is Ready.
  if (ready === undefined) taints.push({ key: NOT_READY, effect: 'NoSchedule' });
  const key = ready === 'False' ? NOT_READY : ready === 'Unknown' ? UNREACHABLE : undefined;
  const has = current.some((taint) => taint.effect === 'NoExecute' && OWN_NO_EXECUTE.has(taint.key));
  if (key && (mode === 'evict' || (mode === 'hold' && has))) taints.push({ key, effect: 'NoExecute' });
  return taints;
}
