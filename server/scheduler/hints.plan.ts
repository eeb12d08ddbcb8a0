import type { ClusterChange, Hint } from './changes.plan.ts';
import type { Cluster } from './cluster.plan.ts';
import type { Filter } from './filter/filter.ts';
import { hasRoom } from './filter/node-resources.ts';
import { prepare, whyNot } from './fit.plan.ts';
import type { NodeInfo } from './node-info.plan.ts';
import type { PodInfo } from './pod-info.plan.ts';

const NO: Hint = { type: 'no' };
const MAYBE: Hint = { type: 'maybe' };

export interface HintInput {
  readonly pod: PodInfo;
  /** The filters that refused it last. */
  readonly by: ReadonlySet<string>;
  /** It waits for others to leave this node for it, and sends nobody else away. */
  readonly nominatedNode: string | undefined;
  readonly change: ClusterChange;
  readonly cluster: Cluster;
  readonly filters: readonly Filter[];
}

/** Could the change let the Pod fit? A node is looked at; what depends on more than one node, the filters tell. */
export function hint(input: HintInput): Hint {
  const { pod, by, nominatedNode, change, filters } = input;
  // Before there were any nodes, nobody could refuse it.
  if (by.has('') && change.type === 'node') return { type: 'fits', nodeName: change.node.name };
  for (const { name, helpedBy } of filters)
    if (helpedBy && by.has(name) && helpedBy(pod, change)) return MAYBE;
  if (change.type === 'volume' || change.type === 'namespace') return NO;
  const { node } = change;
  // Somebody more important has taken what was made for it: its claim may be void.
  if (change.type === 'pod placed') return nominatedNode === node.name ? MAYBE : NO;
  if (hasRoom(node, pod.requests) && fitsOn(input, node) && isFree(input, node))
    return { type: 'fits', nodeName: node.name };
  if (change.type === 'node' && nominatedNode === node.name) return MAYBE;
  if (nominatedNode !== undefined || pod.pod.spec.preemptionPolicy === 'Never') return NO;
  return fitsWithout(input, node) ? MAYBE : NO;
}

/** Where rules on more than one node have refused the Pod, they are asked too: else each change near it would be an attempt. */
function isFree({ pod, by, cluster, filters }: HintInput, node: NodeInfo): boolean {
  if (!filters.some(({ name, helpedBy }) => helpedBy && by.has(name))) return true;
  const prepared = prepare(pod, cluster, filters);
  return 'checks' in prepared && !whyNot(pod, node, prepared.checks);
}

/** By the rules on one node alone. */
export function fitsOn(
  { pod, cluster, filters }: Pick<HintInput, 'pod' | 'cluster' | 'filters'>,
  node: NodeInfo,
): boolean {
  const prepared = prepare(
    pod,
    cluster,
    filters.filter(({ helpedBy }) => !helpedBy),
  );
  return 'checks' in prepared && !whyNot(pod, node, prepared.checks);
}

/** Once those who are less important had left. */
function fitsWithout(input: HintInput, node: NodeInfo): boolean {
  const others = node.pods.filter(({ priority }) => priority < input.pod.priority);
  if (others.length === 0) return false;
  const without = node.copy();
  for (const { uid } of others) without.remove(uid);
  return hasRoom(without, input.pod.requests) && fitsOn(input, without);
}
