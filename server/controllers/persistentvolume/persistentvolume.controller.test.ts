import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { persistentvolumeclaims } from '#proto/api/core/persistentvolumeclaims.ts';
import { persistentvolumes } from '#proto/api/core/persistentvolumes.ts';
import { pods } from '#proto/api/core/pods.ts';
import { storageclasses } from '#proto/api/storage/storageclasses.ts';
import type { PersistentVolume, PersistentVolumeClaim } from '#proto/schema/generated/core-v1.ts';
import { type Harness, startHarness } from '#server/controllers/testing/harness.ts';
import { createPersistentVolumeController } from './persistentvolume.controller.ts';

let harness: Harness;
beforeEach(async () => {
  harness = await startHarness([createPersistentVolumeController]);
});
afterEach(() => harness.stop());

const KEY = { namespace: 'shop', name: 'data' };
type ClaimSpec = PersistentVolumeClaim['spec'];
const makeClaim = (spec: Partial<ClaimSpec> = {}, annotations: Record<string, string> = {}) =>
  harness.client.create(persistentvolumeclaims, {
    ...{ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { ...KEY, annotations } },
    spec: {
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: '1Gi' } },
      storageClassName: '',
      ...spec,
    },
    status: { phase: 'Pending' },
  });
const makeVolume = (
  name: string,
  spec: Partial<PersistentVolume['spec']> = {},
  metadata: PersistentVolume['metadata'] = {},
) =>
  harness.client.create(persistentvolumes, {
    ...{ apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name, ...metadata } },
    spec: {
      accessModes: ['ReadWriteOnce'],
      capacity: { storage: '1Gi' },
      persistentVolumeReclaimPolicy: 'Retain',
      hostPath: { path: `/srv/${name}` },
      ...spec,
    },
    status: { phase: 'Pending' },
  });
const makeClass = (name: string, provisioner: string, volumeBindingMode: string, annotations = {}) =>
  harness.client.create(storageclasses, { metadata: { name, annotations }, provisioner, volumeBindingMode });
const claim = () => harness.client.get(persistentvolumeclaims, KEY);
const volume = (name: string) => harness.client.get(persistentvolumes, { name });
const settle = () => harness.settle();

describe('a claim', () => {
  it('is bound to the smallest volume that is large enough, with annotations and status', async () => {
    await makeVolume('small', { capacity: { storage: '512Mi' } });
    await makeVolume('large', { capacity: { storage: '3Gi' } });
    await makeVolume('fits', { capacity: { storage: '2Gi' } });
    await settle();
    await makeClaim();
    await settle();
    expect(await claim()).toMatchObject({
      metadata: {
        annotations: {
          'pv.kubernetes.io/bind-completed': 'yes',
          'pv.kubernetes.io/bound-by-controller': 'yes',
        },
      },
      spec: { volumeName: 'fits' },
      status: { phase: 'Bound', accessModes: ['ReadWriteOnce'], capacity: { storage: '2Gi' } },
    });
    const { metadata, spec, status } = await volume('fits');
    expect(spec.claimRef).toMatchObject({ kind: 'PersistentVolumeClaim', ...KEY });
    expect(metadata.annotations).toEqual({ 'pv.kubernetes.io/bound-by-controller': 'yes' });
    expect(status?.phase).toBe('Bound');
    expect((await volume('small')).status?.phase).toBe('Available');
  });

  it.each<[string, Partial<ClaimSpec>, Partial<PersistentVolume['spec']>]>([
    ['class', { storageClassName: 'fast' }, {}],
    ['mode', { accessModes: ['ReadWriteMany'] }, {}],
    ['volume mode', { volumeMode: 'Block' }, {}],
    ['selector', { selector: { matchLabels: { disk: 'ssd' } } }, {}],
    ['size', { resources: { requests: { storage: '2Gi' } } }, {}],
    ['taker', {}, { claimRef: { namespace: 'shop', name: 'other' } }],
  ])('is not bound to one of another %s', async (_, wanted, had) => {
    await makeVolume('v', had);
    await makeClaim(wanted);
    await settle();
    expect((await claim()).status?.phase).toBe('Pending');
    expect((await volume('v')).status?.phase).toBe('Available');
  });

  it('gets the volume that names it, and that volume keeps the name when it is unbound', async () => {
    await makeVolume('free');
    await makeVolume('mine', { capacity: { storage: '9Gi' }, claimRef: KEY });
    await settle();
    await makeClaim();
    await settle();
    expect((await claim()).spec.volumeName).toBe('mine');
    expect((await volume('mine')).metadata.annotations ?? {}).toEqual({});
  });

  it('gets the volume that it names, or is told why not', async () => {
    await makeClaim({ volumeName: 'mine', storageClassName: 'fast' });
    await settle();
    await makeVolume('mine');
    await settle();
    expect(harness.events.told).toContain(
      'Warning VolumeMismatch Cannot bind to requested volume "mine": storageClassName does not match',
    );
    await harness.client.delete(persistentvolumes, { name: 'mine' });
    await makeVolume('mine', { storageClassName: 'fast' });
    await settle();
    expect((await claim()).status?.phase).toBe('Bound');
    expect((await claim()).metadata.annotations).toEqual({ 'pv.kubernetes.io/bind-completed': 'yes' });
  });

  it('waits for its Pod where the class says so, and says for which', async () => {
    await makeClass('late', 'example.com/maker', 'WaitForFirstConsumer');
    await makeVolume('v', { storageClassName: 'late' });
    await makeClaim({ storageClassName: 'late' });
    await settle();
    expect((await claim()).spec.volumeName).toBeUndefined();
    expect(harness.events.told.at(-1)).toBe(
      'Normal WaitForFirstConsumer waiting for first consumer to be created before binding',
    );
    await harness.client.create(pods, {
      metadata: { namespace: 'shop', name: 'web' },
      spec: { containers: [], volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }] },
    });
    await settle();
    expect(harness.events.told.at(-1)).toBe('Normal WaitForPodScheduled waiting for pod web to be scheduled');
    const metadata = { annotations: { 'volume.kubernetes.io/selected-node': 'pi' } };
    await harness.client.patch(persistentvolumeclaims, KEY, 'merge', { metadata });
    await settle();
    expect((await claim()).metadata.annotations).toMatchObject({
      'volume.kubernetes.io/storage-provisioner': 'example.com/maker',
      'volume.beta.kubernetes.io/storage-provisioner': 'example.com/maker',
    });
    expect(harness.events.told.at(-1)).toContain("by the external provisioner 'example.com/maker'");
  });

  it('takes the default class once there is one', async () => {
    await makeClaim({ storageClassName: undefined });
    await settle();
    expect(harness.events.told).toContain(
      'Normal FailedBinding no persistent volumes available for this claim and no storage class is set',
    );
    const annotations = { 'storageclass.kubernetes.io/is-default-class': 'true' };
    await makeClass('std', 'example.com/maker', 'Immediate', annotations);
    await settle();
    const { spec, metadata } = await claim();
    expect(spec.storageClassName).toBe('std');
    expect(metadata.annotations?.['volume.kubernetes.io/storage-provisioner']).toBe('example.com/maker');
  });

  it.each<[string, Partial<ClaimSpec>, string]>([
    [
      'a class that is not there',
      { storageClassName: 'none' },
      'Warning ProvisioningFailed storageclass.storage.k8s.io "none" not found',
    ],
    [
      'a class that makes nothing',
      { storageClassName: 'static' },
      'Warning ProvisioningFailed no volume plugin matched',
    ],
  ])('of %s is told so', async (_, spec, told) => {
    await makeClass('static', 'kubernetes.io/no-provisioner', 'Immediate');
    await makeClaim(spec);
    await settle();
    expect(harness.events.told).toContain(told);
  });

  it('is lost with its volume', async () => {
    await makeVolume('v');
    await makeClaim();
    await settle();
    await harness.client.delete(persistentvolumes, { name: 'v' });
    await settle();
    expect((await claim()).status).toEqual({ phase: 'Lost' });
    expect(harness.events.told.at(-1)).toBe(
      'Warning ClaimLost Bound claim has lost its PersistentVolume. Data on the volume is lost!',
    );
  });
});

describe('a volume', () => {
  it.each<[string, string, Record<string, string>, string | undefined]>([
    ['Retain', 'Released', {}, undefined],
    ['Delete', 'Released', { 'pv.kubernetes.io/provisioned-by': 'example.com/maker' }, undefined],
    [
      'Delete',
      'Failed',
      {},
      'Warning VolumeFailedDelete error getting deleter volume plugin for volume "v": no deletable volume plugin matched',
    ],
    ['Recycle', 'Failed', {}, 'Warning VolumeFailedRecycle No recycler plugin found for the volume!'],
  ])('that is to %s becomes %s when its claim is gone', async (policy, phase, annotations, told) => {
    await makeVolume('v', { persistentVolumeReclaimPolicy: policy }, { annotations });
    await makeClaim();
    await settle();
    await harness.client.delete(persistentvolumeclaims, KEY);
    await settle();
    expect((await volume('v')).status?.phase).toBe(phase);
    if (told) expect(harness.events.told).toContain(told);
    // Another claim of the same name is another claim.
    await makeClaim();
    await settle();
    expect((await claim()).status?.phase).toBe('Pending');
    expect((await volume('v')).status?.phase).toBe(phase);
  });

  it('is available again once nobody names it any more', async () => {
    await makeVolume('v');
    await makeClaim();
    await settle();
    await harness.client.delete(persistentvolumeclaims, KEY);
    await settle();
    await harness.client.patch(persistentvolumes, { name: 'v' }, 'merge', { spec: { claimRef: null } });
    await settle();
    expect((await volume('v')).status?.phase).toBe('Available');
    await makeClaim();
    await settle();
    expect((await claim()).spec.volumeName).toBe('v');
  });

  it('that was kept for a claim which has another is free', async () => {
    await makeVolume('a');
    await makeClaim();
    await settle();
    const { metadata } = await claim();
    const claimRef = { ...KEY, uid: metadata.uid };
    const annotations = { 'pv.kubernetes.io/bound-by-controller': 'yes' };
    await makeVolume('b', { claimRef }, { annotations });
    await makeVolume('c', { claimRef });
    await settle();
    expect((await volume('b')).spec.claimRef).toBeUndefined();
    expect((await volume('c')).spec.claimRef).toEqual(KEY);
    for (const name of ['b', 'c']) expect((await volume(name)).status?.phase).toBe('Available');
  });

  it('and a claim that name each other in different volume modes are told so', async () => {
    const made = await makeClaim({ volumeMode: 'Block' });
    await makeVolume('v', { claimRef: { ...KEY, uid: made.metadata.uid } });
    await settle();
    expect(harness.events.told.filter((one) => one.startsWith('Warning VolumeMismatch'))).toEqual([
      'Warning VolumeMismatch Cannot bind PersistentVolume to requested PersistentVolumeClaim "data" due to incompatible volumeMode.',
      'Warning VolumeMismatch Cannot bind PersistentVolume "v" to requested PersistentVolumeClaim due to incompatible volumeMode.',
    ]);
  });
});

it('writes nothing once all is bound', async () => {
  await makeVolume('v');
  await makeClaim();
  await settle();
  const before = harness.client.calls.length;
  await harness.client.patch(persistentvolumeclaims, KEY, 'merge', { metadata: { labels: { a: 'b' } } });
  await harness.client.patch(persistentvolumes, { name: 'v' }, 'merge', { metadata: { labels: { a: 'b' } } });
  await settle();
  expect(harness.client.calls.slice(before).filter(({ verb }) => verb !== 'patch')).toEqual([]);
});
