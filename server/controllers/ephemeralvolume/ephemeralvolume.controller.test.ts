import { afterEach, beforeEach, expect, it } from 'vitest';
import { persistentvolumeclaims } from '#proto/api/core/persistentvolumeclaims.ts';
import { pods } from '#proto/api/core/pods.ts';
import { type Harness, startHarness } from '#server/controllers/testing/harness.ts';
import { createEphemeralVolumeController } from './ephemeralvolume.controller.ts';

const KEY = { namespace: 'shop', name: 'web-scratch' };
const spec = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } };
let harness: Harness;
beforeEach(async () => {
  harness = await startHarness([createEphemeralVolumeController]);
});
afterEach(() => harness.stop());

async function makePod(): Promise<string | undefined> {
  const volumeClaimTemplate = { metadata: { labels: { app: 'web' } }, spec };
  const made = await harness.client.create(pods, {
    metadata: { namespace: 'shop', name: 'web' },
    spec: {
      containers: [],
      volumes: [{ name: 'scratch', ephemeral: { volumeClaimTemplate } }, { name: 'x' }],
    },
  });
  await harness.settle();
  return made.metadata.uid;
}
const claim = () => harness.client.get(persistentvolumeclaims, KEY);

it('makes a claim that is the Pod’s, and makes it again', async () => {
  const uid = await makePod();
  const owner = {
    apiVersion: 'v1',
    kind: 'Pod',
    name: 'web',
    uid,
    controller: true,
    blockOwnerDeletion: true,
  };
  expect(await claim()).toMatchObject({
    metadata: { labels: { app: 'web' }, ownerReferences: [owner] },
    spec,
  });
  const first = (await claim()).metadata.uid;
  await harness.client.delete(persistentvolumeclaims, KEY);
  await harness.settle();
  expect((await claim()).metadata.uid).not.toBe(first);
});

it('leaves a claim of that name alone, and says whose it is not', async () => {
  await harness.client.create(persistentvolumeclaims, { metadata: KEY, spec: {} });
  await makePod();
  expect((await claim()).metadata.ownerReferences).toBeUndefined();
  expect(harness.events.told).toEqual([
    'Warning FailedBinding ephemeral volume scratch: PVC shop/web-scratch was not created for pod shop/web (pod is not owner)',
  ]);
});
