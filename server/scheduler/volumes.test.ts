/** Volumes that wait for their Pod's node: what is written, and when the Pod is bound. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { persistentvolumeclaims } from '#proto/api/core/persistentvolumeclaims.ts';
import { persistentvolumes } from '#proto/api/core/persistentvolumes.ts';
import { storageclasses } from '#proto/api/storage/storageclasses.ts';
import type { PodSpec } from '#proto/schema/generated/core-v1.ts';
import { SELECTED_NODE } from '#server/controllers/persistentvolume/storage-facts.ts';
import { POD_GROUP, POD_GROUP_MIN } from './annotations.plan.ts';
import { SchedulerHarness } from './testing/harness.ts';

let h: SchedulerHarness;
const KEY = { namespace: 'default', name: 'data' };
const using = (claimName = 'data'): Partial<PodSpec> => ({
  volumes: [{ name: 'v', persistentVolumeClaim: { claimName } }],
});
const createClass = (provisioner: string) =>
  h.client.create(storageclasses, {
    ...{ apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass', metadata: { name: 'late' } },
    ...{ provisioner, volumeBindingMode: 'WaitForFirstConsumer' },
  });
const createClaim = () =>
  h.client.create(persistentvolumeclaims, {
    ...{ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: KEY },
    spec: {
      storageClassName: 'late',
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: '1Gi' } },
    },
  });
const createVolume = () =>
  h.client.create(persistentvolumes, {
    ...{ apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name: 'pv' } },
    spec: { storageClassName: 'late', accessModes: ['ReadWriteOnce'], capacity: { storage: '2Gi' } },
    status: { phase: 'Available' },
  });
/** As the controller of volumes does. */
async function bindClaim(): Promise<void> {
  const claim = await h.client.get(persistentvolumeclaims, KEY);
  const metadata = { annotations: { 'pv.kubernetes.io/bind-completed': 'yes' } };
  await h.client.patch(persistentvolumeclaims, KEY, 'merge', {
    metadata,
    spec: { ...claim.spec, volumeName: 'pv' },
  });
  await h.settle();
}
const annotationsOf = async () =>
  (await h.client.get(persistentvolumeclaims, KEY)).metadata.annotations ?? {};

beforeEach(async () => {
  h = new SchedulerHarness();
  await h.boards('1');
});
afterEach(() => h.stop());

it('tells whoever provisions the node, and binds once the volume is there', async () => {
  await createClass('example.com/maker');
  await createClaim();
  await h.start();
  await h.create('web', '1', using());
  expect(await annotationsOf()).toEqual({ [SELECTED_NODE]: 'board-0' });
  expect(await h.nodeOf('web')).toBeUndefined();
  // The room is taken meanwhile.
  await h.create('other', '1');
  expect(await h.nodeOf('other')).toBeUndefined();
  await createVolume();
  await bindClaim();
  expect(await h.nodeOf('web')).toBe('board-0');
});

it('keeps a free volume for the claim', async () => {
  await createClass('kubernetes.io/no-provisioner');
  await createClaim();
  await createVolume();
  await h.start();
  await h.create('web', '1', using());
  const volume = await h.client.get(persistentvolumes, { name: 'pv' });
  expect(volume.spec.claimRef).toMatchObject({ kind: 'PersistentVolumeClaim', ...KEY });
  expect(volume.metadata.annotations).toEqual({ 'pv.kubernetes.io/bound-by-controller': 'yes' });
  expect(await annotationsOf()).toEqual({});
  await bindClaim();
  expect(await h.nodeOf('web')).toBe('board-0');
});

it('gives the room back where no volume comes', async () => {
  await createClass('example.com/maker');
  await createClaim();
  await h.start();
  await h.create('web', '1', using());
  await h.create('other', '1');
  await h.pass(599_999);
  expect(await h.nodeOf('other')).toBeUndefined();
  await h.pass(1);
  expect(await h.nodeOf('other')).toBe('board-0');
  expect(await h.messageOf('web')).toContain('binding volumes: context deadline exceeded');
});

it('looks for another node where the provisioner takes the choice back', async () => {
  await createClass('example.com/maker');
  await createClaim();
  await h.start();
  await h.create('web', '1', using());
  expect(await annotationsOf()).toEqual({ [SELECTED_NODE]: 'board-0' });
  const metadata = { annotations: { [SELECTED_NODE]: null } };
  await h.client.patch(persistentvolumeclaims, KEY, 'merge', { metadata });
  await h.settle();
  expect(await h.messageOf('web')).toContain('selectedNode annotation reset for PVC "data"');
  await h.pass(20_000);
  expect(await annotationsOf()).toEqual({ [SELECTED_NODE]: 'board-0' });
});

it('waits for a claim that is not there, and for one that is bound at once', async () => {
  await h.start();
  await h.create('web', '1', using());
  expect(await h.messageOf('web')).toBe(
    '0/1 nodes are available: persistentvolumeclaim "data" not found. ' +
      'preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.',
  );
  await createClaim();
  await h.pass(10_000);
  expect(await h.messageOf('web')).toContain('pod has unbound immediate PersistentVolumeClaims');
  await createVolume();
  await bindClaim();
  await h.pass(20_000);
  expect(await h.nodeOf('web')).toBe('board-0');
});

it('binds nobody of a group before the volumes of all are there', async () => {
  await createClass('example.com/maker');
  await createClaim();
  await h.client.create(persistentvolumes, {
    ...{ apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name: 'unused' } },
    spec: { capacity: { storage: '1Gi' } },
  });
  await h.start();
  const group = { labels: { [POD_GROUP]: 'g' }, annotations: { [POD_GROUP_MIN]: '2' } };
  await h.create('a', '500m', {}, group);
  await h.create('b', '500m', using(), group);
  await h.pass(20_000);
  expect(await h.placed()).toEqual({ a: '', b: '' });
  await createVolume();
  await bindClaim();
  expect(await h.placed()).toEqual({ a: 'board-0', b: 'board-0' });
});
