import { nodes } from '#proto/api/core/nodes.ts';
import { pods } from '#proto/api/core/pods.ts';
import { keyOf } from '#proto/meta/object.ts';
import type { Node, Taint } from '#proto/schema/generated/core-v1.ts';
import type { Outcome } from '#server/client/work-queue.ts';
import type { Controller, ControllerContext } from '#server/controllers/context.ts';
import { createQueue } from '#server/controllers/context.ts';
import { equalJson } from '#server/controllers/json.ts';
import { indexByNode } from '#server/controllers/nodelifecycle/nodelifecycle.controller.ts';
import {
  taintEviction,
  taintEvictionCancelled,
} from '#server/controllers/nodelifecycle/nodelifecycle.events.ts';
import { toleratedMs } from '#server/controllers/nodelifecycle/taint-eviction.plan.ts';
import { disruptPod } from '#server/controllers/pod-disruption.ts';
import { isPodTerminal } from '#server/controllers/pod-state.ts';

const noExecute = (node: Node | undefined): Taint[] =>
  (node?.spec.taints ?? []).filter(({ effect }) => effect === 'NoExecute');

/**
 * Deletes pods from nodes with NoExecute taints that they do not tolerate, or no longer. The time runs from when
 * this program saw pod and taints together; it never reads `timeAdded`, which a wrong clock may have written.
 */
export function createTaintEvictionController(context: ControllerContext): Controller {
  const { client, clock, informers } = context;
  const events = context.recorderFor('taint-eviction-controller');
  const allNodes = informers.for(nodes);
  const allPods = informers.for(pods);
  allPods.addIndex('node', indexByNode);
  /** Since when, in uptime, a pod, by its uid, has been under taints. */
  const since = new Map<string, number>();
  const queue = createQueue(context, 'taint-eviction', async (key): Promise<Outcome> => {
    const pod = allPods.get(key);
    const uid = pod?.metadata.uid ?? '';
    if (!pod || pod.metadata.deletionTimestamp || isPodTerminal(pod)) return undefined;
    const taints = noExecute(allNodes.get(pod.spec.nodeName ?? ''));
    const tolerated = taints.length > 0 ? toleratedMs(pod, taints) : undefined;
    if (tolerated === undefined) {
      if (since.delete(uid)) events.event(pod, taintEvictionCancelled(pod));
      return undefined;
    }
    const now = clock.now();
    const began = since.get(uid) ?? clock.uptimeMs();
    since.set(uid, began);
    const left = began + tolerated - clock.uptimeMs();
    if (left > 0) return { requeueAfterMs: left };
    events.event(pod, taintEviction(pod));
    const message = 'Taint manager: deleting due to NoExecute taint';
    const why = { reason: 'DeletionByTaintManager', message, force: false, fail: false };
    await disruptPod(client, pod, why, now);
    since.delete(uid);
    return undefined;
  });
  allPods.onChange((type, pod, old) => {
    if (type === 'DELETED') since.delete(pod.metadata.uid ?? '');
    else if (
      pod.spec.nodeName !== old?.spec.nodeName ||
      !equalJson(pod.spec.tolerations, old?.spec.tolerations)
    ) {
      if (noExecute(allNodes.get(pod.spec.nodeName ?? '')).length > 0) queue.add(keyOf(pod));
    }
  });
  allNodes.onChange((type, node, old) => {
    if (type === 'DELETED' || equalJson(noExecute(node), noExecute(old))) return;
    for (const pod of allPods.byIndex('node', node.metadata.name ?? '')) queue.add(keyOf(pod));
  });
  return { start: (signal) => queue.start(signal) };
}
