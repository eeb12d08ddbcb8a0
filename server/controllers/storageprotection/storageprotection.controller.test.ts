import { expect, it } from 'vitest';
import { persistentvolumeclaims } from '#proto/api/core/persistentvolumeclaims.ts';
import { persistentvolumes } from '#proto/api/core/persistentvolumes.ts';
import { pods } from '#proto/api/core/pods.ts';
import { volumeattributesclasses } from '#proto/api/storage/volumeattributesclasses.ts';
import type { PersistentVolumeClaim, Pod } from '#proto/schema/generated/core-v1.ts';
import { startHarness } from '#server/controllers/testing/harness.ts';
import { createStorageProtectionController } from './storageprotection.controller.ts';
import { usesClaim } from './storageprotection.plan.ts';

const PVC = 'kubernetes.io/pvc-protection';
const aPod = (name: string, spec: object = {}, metadata: object = {}): Pod => ({
  metadata: { name, namespace: 'shop', uid: `uid-${name}`, ...metadata },
  spec: { containers: [], ...spec },
});
const onNode = { nodeName: 'pi', volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }] };

it('keeps a claim while a Pod on a node uses it, and lets it go then', async () => {
  const harness = await startHarness([createStorageProtectionController]);
  const { client } = harness;
  const key = { namespace: 'shop', name: 'data' };
  await client.create(persistentvolumeclaims, { metadata: key, spec: {} });
  await client.create(pods, aPod('web', onNode));
  await harness.settle();
  // One from before there was protection.
  expect((await client.get(persistentvolumeclaims, key)).metadata.finalizers).toEqual([PVC]);
  await client.delete(persistentvolumeclaims, key);
  await harness.settle();
  expect((await client.get(persistentvolumeclaims, key)).metadata.deletionTimestamp).toBeDefined();
  await client.delete(pods, { namespace: 'shop', name: 'web' }, { gracePeriodSeconds: 0 });
  await harness.settle();
  await expect(client.get(persistentvolumeclaims, key)).rejects.toMatchObject({ code: 404 });
  harness.stop();
});

it('keeps bound volumes, and classes that somebody has', async () => {
  const harness = await startHarness([createStorageProtectionController]);
  const { client } = harness;
  const volume = {
    metadata: { name: 'v' },
    spec: { volumeAttributesClassName: 'gold' },
    status: { phase: 'Bound' },
  };
  await client.create(persistentvolumes, volume);
  await client.create(volumeattributesclasses, { metadata: { name: 'gold' }, driverName: 'x' });
  await harness.settle();
  await client.delete(volumeattributesclasses, { name: 'gold' });
  await client.delete(persistentvolumes, { name: 'v' });
  await harness.settle();
  const held = await client.get(persistentvolumes, { name: 'v' });
  expect(held.metadata.finalizers).toEqual(['kubernetes.io/pv-protection']);
  await client.update(
    persistentvolumes,
    { ...held, status: { phase: 'Released' } },
    { subresource: 'status' },
  );
  await harness.settle();
  await expect(client.get(persistentvolumes, { name: 'v' })).rejects.toMatchObject({ code: 404 });
  await expect(client.get(volumeattributesclasses, { name: 'gold' })).rejects.toMatchObject({ code: 404 });
  harness.stop();
});

it.each<[string, Pod, boolean]>([
  ['on a node', aPod('web', onNode), true],
  ['on none yet', aPod('web', { ...onNode, nodeName: undefined }), false],
  ['of another namespace', aPod('web', onNode, { namespace: 'other' }), false],
  ['with other claims', aPod('web', { nodeName: 'pi' }), false],
  [
    'that made it',
    aPod('da', { nodeName: 'pi', volumes: [{ name: 'ta', ephemeral: {} }] }, { uid: 'u' }),
    false,
  ],
])('a Pod %s uses a claim: %s', (_, pod, uses) => {
  const claim: PersistentVolumeClaim = { metadata: { name: 'data', namespace: 'shop' }, spec: {} };
  expect(usesClaim(pod, claim)).toBe(uses);
});

it('a Pod that was shut down holds its own claim no more', () => {
  const claim: PersistentVolumeClaim = {
    metadata: {
      name: 'web-v',
      namespace: 'shop',
      ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'web', uid: 'uid-web', controller: true }],
    },
    spec: {},
  };
  const spec = { nodeName: 'pi', volumes: [{ name: 'v', ephemeral: {} }] };
  expect(usesClaim(aPod('web', spec), claim)).toBe(true);
  const gone = { deletionTimestamp: '2026-01-01T00:00:00Z', deletionGracePeriodSeconds: 0 };
  expect(usesClaim(aPod('web', spec, gone), claim)).toBe(false);
});
