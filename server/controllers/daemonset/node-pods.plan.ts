import type { DaemonSet } from '#proto/schema/generated/apps-v1.ts';
import type { Node, Pod } from '#proto/schema/generated/core-v1.ts';
import { byPlacement, targetNodeOf } from '#server/controllers/daemonset/daemon-pod.plan.ts';
import { type Eligibility, planEligibility } from '#server/controllers/daemonset/eligibility.plan.ts';
import { isPodTerminal, msUntilAvailable } from '#server/controllers/pod-state.ts';

/** One node as a DaemonSet sees it. */
export interface NodePods extends Eligibility {
  readonly name: string;
  /** Of this set, those that are on their way out too; placed ones and old ones first. */
  readonly pods: readonly Pod[];
}

export interface SetPods {
  readonly nodes: readonly NodePods[];
  /** They wait for nodes that are not there any more. */
  readonly stranded: readonly Pod[];
}

/** Who is where. Pods that have ended and are being deleted are nobody's business any more. */
export function sortPods(set: DaemonSet, nodes: readonly Node[], pods: readonly Pod[]): SetPods {
  const eligible = planEligibility(set.spec.template);
  const byNode = new Map<string, Pod[]>();
  for (const pod of pods) {
    const name = targetNodeOf(pod);
    if (name === undefined || (isPodTerminal(pod) && pod.metadata.deletionTimestamp)) continue;
    const there = byNode.get(name);
    if (there) there.push(pod);
    else byNode.set(name, [pod]);
  }
  const sorted = nodes.map((node): NodePods => {
    const name = node.metadata.name ?? '';
    const there = (byNode.get(name) ?? []).sort(byPlacement);
    byNode.delete(name);
    return { name, ...eligible(node), pods: there };
  });
  // Pods that were on such a node are the garbage collector's.
  const stranded = [...byNode.values()]
    .flat()
    .filter((pod) => !pod.spec.nodeName && !pod.metadata.deletionTimestamp);
  return { nodes: sorted, stranded };
}

export const isAvailable = (set: DaemonSet, pod: Pod, now: number): boolean =>
  msUntilAvailable(pod, set.spec.minReadySeconds ?? 0, now) === 0;
