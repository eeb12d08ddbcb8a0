import { nodes } from '#proto/api/core/nodes.ts';
import type { Controller, ControllerContext } from '#server/controllers/context.ts';
import { createQueue } from '#server/controllers/context.ts';
import { allocateCidr } from '#server/controllers/nodeipam/nodeipam.plan.ts';

const NODE_PREFIX = 24;

/**
 * Gives each node a /24 of the cluster's pod network, once and for good: `spec.podCIDR` never changes while the
 * node exists. What is taken is read off the nodes themselves; a block is free again when its node is deleted.
 */
export function createNodeIpamController(context: ControllerContext, clusterCidr: string): Controller {
  const all = context.informers.for(nodes);
  const events = context.recorderFor('cidrAllocator');
  /** Given, but perhaps not in the cache yet. */
  const given = new Map<string, string>();
  // One worker: two allocations at a time could choose the same block.
  const queue = createQueue(
    context,
    'node-ipam',
    async (name) => {
      const node = all.get(name);
      if (!node || node.spec.podCIDR || node.metadata.deletionTimestamp) return;
      const used = new Set(given.values());
      for (const { spec } of all.values()) for (const cidr of spec.podCIDRs ?? []) used.add(cidr);
      const cidr = given.get(name) ?? allocateCidr(clusterCidr, NODE_PREFIX, used);
      if (!cidr) {
        const message = `Node ${name} status is now: CIDRNotAvailable`;
        events.event(node, { type: 'Normal', reason: 'CIDRNotAvailable', message });
        throw new Error(`no free block left in ${clusterCidr}`);
      }
      given.set(name, cidr);
      await context.client.patch(nodes, { name }, 'merge', {
        metadata: { uid: node.metadata.uid },
        spec: { podCIDR: cidr, podCIDRs: [cidr] },
      });
    },
    1,
  );
  all.onChange((type, node) => {
    const name = node.metadata.name ?? '';
    if (type === 'DELETED' || node.spec.podCIDR) given.delete(name);
    if (type !== 'DELETED' && !node.spec.podCIDR) queue.add(name);
  });
  return { start: (signal) => queue.start(signal) };
}
