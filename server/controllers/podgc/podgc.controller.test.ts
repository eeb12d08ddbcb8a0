import { afterEach, beforeEach, expect, it } from 'vitest';
import { nodes } from '#proto/api/core/nodes.ts';
import { pods } from '#proto/api/core/pods.ts';
import type { PodStatus } from '#proto/schema/generated/core-v1.ts';
import { createPodGcController } from '#server/controllers/podgc/podgc.controller.ts';
import { type Harness, startHarness } from '#server/controllers/testing/harness.ts';

let harness: Harness;
beforeEach(async () => {
  harness = await startHarness([createPodGcController]);
});
afterEach(() => harness.stop());

async function aPod(name: string, nodeName: string | undefined, status: PodStatus = {}): Promise<void> {
  await harness.client.create(pods, {
    metadata: { namespace: 'default', name },
    spec: { containers: [], ...(nodeName ? { nodeName } : {}) },
    status,
  });
}
const names = async (): Promise<string[]> =>
  (await harness.client.list(pods)).items.map(({ metadata }) => metadata.name ?? '').sort();
const aNode = (name: string, spec: object = {}, ready = 'True') =>
  harness.client.create(nodes, {
    metadata: { name },
    spec,
    status: { conditions: [{ type: 'Ready', status: ready }] },
  });

it('removes Pods of a node that does not exist, after a while', async () => {
  await aNode('board-1');
  await aPod('here', 'board-1', { phase: 'Running' });
  await aPod('lost', 'board-2', { phase: 'Running' });
  await harness.settle();
  await harness.clock.advance(39_000);
  await harness.settle();
  expect(await names()).toEqual(['here', 'lost']);
  await harness.clock.advance(2_000);
  await harness.settle();
  expect(await names()).toEqual(['here']);
});

it('leaves them alone where the node comes back in time', async () => {
  await aPod('lost', 'board-2', { phase: 'Running' });
  await harness.settle();
  await harness.clock.advance(30_000);
  await aNode('board-2');
  await harness.clock.advance(60_000);
  await harness.settle();
  expect(await names()).toEqual(['lost']);
});

it('ends one that was deleted before it was placed, though something holds it', async () => {
  await harness.client.create(pods, {
    metadata: { namespace: 'default', name: 'early', finalizers: ['x/y'] },
    spec: { containers: [] },
  });
  await harness.client.delete(pods, { namespace: 'default', name: 'early' }, { gracePeriodSeconds: 30 });
  await harness.settle();
  const pod = await harness.client.get(pods, { namespace: 'default', name: 'early' });
  expect(pod.metadata.finalizers).toEqual(['x/y']);
});

it('ends what is deleted on a board that is declared out of service, and nothing else there', async () => {
  await aNode(
    'board-1',
    { taints: [{ key: 'node.kubernetes.io/out-of-service', effect: 'NoExecute' }] },
    'Unknown',
  );
  await aPod('going', 'board-1', { phase: 'Running' });
  await aPod('staying', 'board-1', { phase: 'Running' });
  await harness.client.delete(pods, { namespace: 'default', name: 'going' });
  await harness.settle();
  expect(await names()).toEqual(['staying']);
});

it('keeps a thousand that have ended: evicted ones go first, then the oldest', async () => {
  await aNode('board-1');
  for (let i = 0; i < 1003; i += 1) {
    const evicted = i === 500;
    await harness.clock.advance(1_000);
    await aPod(`p${i}`, 'board-1', evicted ? { phase: 'Failed', reason: 'Evicted' } : { phase: 'Succeeded' });
  }
  await harness.settle();
  const left = await names();
  expect(left).toHaveLength(1000);
  for (const gone of ['p500', 'p0', 'p1']) expect(left).not.toContain(gone);
});
