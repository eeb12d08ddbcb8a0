import { nodes } from '#proto/api/core/nodes.ts';
import type { Controller, ControllerContext } from '#server/controllers/context.ts';
import { createQueue } from '#server/controllers/context.ts';
import { allocateAll } from '#server/controllers/nodeipam/nodeipam.plan.ts';

/**
 * Gives each node a block of the cluster's pod network, of each family that it has, once and for good: `spec.podCIDRs` never
 * change while the node exists. What is taken is read off the nodes themselves; a block is free again when its node is deleted.
 */
export function createNodeIpamController(context: ControllerContext, clusterCidr: string): Controller {
  const all = context.informers.for(nodes);
  const events = context.recorderFor('cidrAllocator');
  /** Given, but perhaps not in the cache yet. */
  const given = new Map<string, readonly string[]>();
  const ranges = clusterCidr.split(',');
  // One worker: two allocations at a time could choose the same block.
  const queue = createQueue(
    context,
    'node-ipam',
    async (name) => {
      const node = all.get(name);
      if (!node || node.spec.podCIDR || node.metadata.deletionTimestamp) return;
      const used = new Set([...given.values()].flat());
      for (const { spec } of all.values()) for (const cidr of spec.podCIDRs ?? []) used.add(cidr);
      const blocks = given.get(name) ?? allocateAll(ranges, used);
      if (!blocks) {
        const message = `Node ${name} status is now: CIDRNotAvailable`;
        events.event(node, { type: 'Normal', reason: 'CIDRNotAvailable', message });
        throw new Error(`no free block left in ${clusterCidr}`);
      }
      given.set(name, blocks);
      await context.client.patch(nodes, { name }, 'merge', {
        metadata: { uid: node.metadata.uid },
        spec: { podCIDR: blocks[0], podCIDRs: blocks },
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
