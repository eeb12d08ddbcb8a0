import { nodes } from '#proto/api/core/nodes.ts';
import { pods } from '#proto/api/core/pods.ts';
import { keyOf } from '#proto/meta/object.ts';
import { isNotFound } from '#proto/meta/status-error.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import type { Outcome } from '#server/client/work-queue.ts';
import type { Controller, ControllerContext } from '#server/controllers/context.ts';
import { createQueue } from '#server/controllers/context.ts';
import { indexByNode } from '#server/controllers/nodelifecycle/nodelifecycle.controller.ts';
import { disruptPod } from '#server/controllers/pod-disruption.ts';
import { isPodTerminal } from '#server/controllers/pod-state.ts';
import { byCreation } from '#server/controllers/timestamps.ts';

/** A node that is gone may be on its way back under the same name: so long its pods are left alone. */
const QUARANTINE_MS = 40_000;
/** Upstream keeps 12500 pods that have ended; a board's memory wants fewer. */
const MAX_TERMINATED = 1000;
const TERMINATED = 'terminated';
const OUT_OF_SERVICE = 'node.kubernetes.io/out-of-service';

const isEvicted = ({ status }: Pod): boolean => status?.phase === 'Failed' && status.reason === 'Evicted';

/**
 * Removes pods that nobody else will: of nodes that do not exist, deleted before they were scheduled, on nodes
 * declared out of service, and the oldest that have ended beyond a limit. Keys are pods, and one for the limit.
 */
export function createPodGcController(context: ControllerContext): Controller {
  const { client, clock, informers } = context;
  const allNodes = informers.for(nodes);
  const allPods = informers.for(pods);
  allPods.addIndex('node', indexByNode);
  allPods.addIndex(TERMINATED, (pod) => (isPodTerminal(pod) ? ['yes'] : []));
  const missingSince = new Map<string, number>();

  const remove = (pod: Pod, message: string): Promise<void> => {
    const why = { reason: 'DeletionByPodGC', message, force: true, fail: true };
    return disruptPod(client, pod, why, clock.now());
  };

  const nodeExists = async (name: string): Promise<boolean> => {
    try {
      await client.get(nodes, { name });
      return true;
    } catch (err) {
      if (isNotFound(err)) return false;
      throw err;
    }
  };

  const queue = createQueue(context, 'pod-gc', async (key): Promise<Outcome> => {
    if (key === TERMINATED) return trim();
    const pod = allPods.get(key);
    // Forced already: what is left are finalizers, and they are others' business.
    if (!pod || (pod.metadata.deletionTimestamp && pod.metadata.deletionGracePeriodSeconds === 0)) {
      return undefined;
    }
    const { nodeName } = pod.spec;
    if (!nodeName) {
      if (pod.metadata.deletionTimestamp) await remove(pod, 'PodGC: unscheduled terminating pod');
      return undefined;
    }
    const node = allNodes.get(nodeName);
    if (node) {
      missingSince.delete(nodeName);
      const out = node.spec.taints?.some((taint) => taint.key === OUT_OF_SERVICE);
      const ready = node.status?.conditions?.find(({ type }) => type === 'Ready')?.status;
      if (out && ready !== 'True' && pod.metadata.deletionTimestamp) {
        await remove(pod, 'PodGC: node has been taken out of service');
      }
      return undefined;
    }
    const now = clock.now();
    const since = missingSince.get(nodeName) ?? now;
    missingSince.set(nodeName, since);
    const left = since + QUARANTINE_MS - now;
    if (left > 0) return { requeueAfterMs: left };
    if (!(await nodeExists(nodeName))) await remove(pod, 'PodGC: node no longer exists');
    return undefined;
  });

  const trim = async (): Promise<undefined> => {
    const ended = allPods.byIndex(TERMINATED, 'yes');
    // Evicted ones first: they tell no more than their owner's next Pod does.
    ended.sort((a, b) => Number(isEvicted(b)) - Number(isEvicted(a)) || byCreation(a, b));
    for (const pod of ended.slice(0, Math.max(0, ended.length - MAX_TERMINATED))) {
      await remove(pod, 'PodGC: too many terminated pods');
    }
  };

  allPods.onChange((type, pod) => {
    if (type === 'DELETED') return;
    const { nodeName } = pod.spec;
    if (nodeName ? !allNodes.get(nodeName) : pod.metadata.deletionTimestamp) queue.add(keyOf(pod));
    else if (pod.metadata.deletionTimestamp && outOfService(nodeName ?? '')) queue.add(keyOf(pod));
    if (isPodTerminal(pod) && allPods.size > MAX_TERMINATED) queue.add(TERMINATED);
  });
  const outOfService = (name: string): boolean =>
    allNodes.get(name)?.spec.taints?.some((taint) => taint.key === OUT_OF_SERVICE) === true;
  allNodes.onChange((type, node) => {
    const name = node.metadata.name ?? '';
    if (type === 'ADDED') missingSince.delete(name);
    if (type !== 'DELETED' && !outOfService(name)) return;
    for (const pod of allPods.byIndex('node', name)) queue.add(keyOf(pod));
  });
  return { start: (signal) => queue.start(signal) };
}
