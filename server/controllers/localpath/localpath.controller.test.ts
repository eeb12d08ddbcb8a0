import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodes } from '#proto/api/core/nodes.ts';
import { persistentvolumeclaims } from '#proto/api/core/persistentvolumeclaims.ts';
import { persistentvolumes } from '#proto/api/core/persistentvolumes.ts';
import { storageclasses } from '#proto/api/storage/storageclasses.ts';
import type { PersistentVolumeClaim } from '#proto/schema/generated/core-v1.ts';
import type { StorageClass } from '#proto/schema/generated/storage-v1.ts';
import { createPersistentVolumeController } from '#server/controllers/persistentvolume/persistentvolume.controller.ts';
import { FakeBoardStorage } from '#server/controllers/testing/fake-board-storage.ts';
import { type Harness, startHarness } from '#server/controllers/testing/harness.ts';
import { ensureLocalPathClass } from './ensure-class.ts';
import { createLocalPathController } from './localpath.controller.ts';

const KEY = { namespace: 'shop', name: 'data' };
const SELECTED = 'volume.kubernetes.io/selected-node';
let harness: Harness;
let boards: FakeBoardStorage;
beforeEach(async () => {
  boards = new FakeBoardStorage();
  harness = await startHarness([
    createPersistentVolumeController,
    (context) => createLocalPathController(context, boards),
  ]);
  await ensureLocalPathClass(harness.client, true);
  const labels = { 'kubernetes.io/hostname': 'pi.example' };
  await harness.client.create(nodes, {
    metadata: { name: 'pi', labels },
    spec: {},
    status: { conditions: [{ type: 'Ready', status: 'True' }] },
  });
});
afterEach(() => harness.stop());

type Spec = PersistentVolumeClaim['spec'];
async function makeClaim(spec: Partial<Spec> = {}, node: string | undefined = 'pi'): Promise<string> {
  const made = await harness.client.create(persistentvolumeclaims, {
    ...{ apiVersion: 'v1', kind: 'PersistentVolumeClaim' },
    metadata: { ...KEY, ...(node ? { annotations: { [SELECTED]: node } } : {}) },
    spec: {
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: '1Gi' } },
      storageClassName: 'local-path',
      ...spec,
    },
    status: { phase: 'Pending' },
  });
  await harness.settle();
  return `pvc-${made.metadata.uid}`;
}
const claim = () => harness.client.get(persistentvolumeclaims, KEY);
const volume = (name: string) => harness.client.get(persistentvolumes, { name });
const told = (start: string) => harness.events.told.filter((one) => one.startsWith(start));

describe('a directory', () => {
  it('is made on the node that was chosen, and its volume is bound', async () => {
    const name = await makeClaim();
    expect([...boards.directories]).toEqual([`pi/${name}`]);
    expect((await claim()).status).toMatchObject({ phase: 'Bound', capacity: { storage: '1Gi' } });
    expect(await volume(name)).toMatchObject({
      metadata: {
        annotations: { 'pv.kubernetes.io/provisioned-by': 'coracle.dev/local-path' },
        finalizers: ['external-provisioner.volume.kubernetes.io/finalizer'],
      },
      spec: {
        persistentVolumeReclaimPolicy: 'Delete',
        local: { path: `/var/lib/coracle/storage/${name}` },
        nodeAffinity: {
          required: {
            nodeSelectorTerms: [
              {
                matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: ['pi.example'] }],
              },
            ],
          },
        },
      },
      status: { phase: 'Bound' },
    });
    expect(told('Normal Provisioning')).toEqual([
      'Normal Provisioning External provisioner is provisioning volume for claim "shop/data"',
      `Normal ProvisioningSucceeded Successfully provisioned volume ${name}`,
    ]);
  });

  it('is removed with its claim, before its volume', async () => {
    const name = await makeClaim();
    await harness.client.delete(persistentvolumeclaims, KEY);
    await harness.settle();
    expect(boards.directories.size).toBe(0);
    await expect(volume(name)).rejects.toMatchObject({ code: 404 });
  });

  it('is removed when its board is back, and its volume is there until then', async () => {
    const name = await makeClaim();
    boards.away.add('pi');
    await harness.client.delete(persistentvolumeclaims, KEY);
    await harness.settle();
    expect((await volume(name)).status?.phase).toBe('Released');
    expect(told('Warning VolumeFailedDelete')).toContain(
      'Warning VolumeFailedDelete node "pi" is not connected: the directory is removed when it is back',
    );
    // Not even who deletes the volume gets rid of the directory's keeper.
    await harness.client.delete(persistentvolumes, { name });
    await harness.settle();
    expect((await volume(name)).metadata.deletionTimestamp).toBeDefined();
    boards.connect('pi');
    await harness.settle();
    expect(boards.directories.size).toBe(0);
    await expect(volume(name)).rejects.toMatchObject({ code: 404 });
  });

  it('stays where its volume is to be kept, also when the volume goes', async () => {
    const name = await makeClaim();
    const spec = { persistentVolumeReclaimPolicy: 'Retain' };
    await harness.client.patch(persistentvolumes, { name }, 'merge', { spec });
    await harness.client.delete(persistentvolumeclaims, KEY);
    await harness.settle();
    expect((await volume(name)).status?.phase).toBe('Released');
    expect((await volume(name)).metadata.finalizers ?? []).toEqual([]);
    await harness.client.delete(persistentvolumes, { name });
    await harness.settle();
    expect([...boards.directories]).toEqual([`pi/${name}`]);
  });

  it('is kept where the user changes the policy at the last moment', async () => {
    const name = await makeClaim();
    boards.away.add('pi');
    await harness.client.delete(persistentvolumeclaims, KEY);
    await harness.settle();
    const spec = { persistentVolumeReclaimPolicy: 'Retain' };
    await harness.client.patch(persistentvolumes, { name }, 'merge', { spec });
    boards.connect('pi');
    await harness.settle();
    expect([...boards.directories]).toEqual([`pi/${name}`]);
    expect((await volume(name)).status?.phase).toBe('Released');
  });

  it('that is in use is tried again', async () => {
    const name = await makeClaim();
    boards.problem = new Error('still in use');
    await harness.client.delete(persistentvolumeclaims, KEY);
    await harness.settle();
    expect(told('Warning VolumeFailedDelete')[0]).toBe('Warning VolumeFailedDelete still in use');
    boards.problem = undefined;
    await harness.clock.advance(1000);
    await harness.settle();
    await expect(volume(name)).rejects.toMatchObject({ code: 404 });
  });
});

describe('a claim', () => {
  it('waits for a board that is away, and is for another node once it is not ready', async () => {
    boards.away.add('pi');
    const name = await makeClaim();
    expect(told('Warning ProvisioningFailed')).toEqual([
      'Warning ProvisioningFailed failed to provision volume with StorageClass "local-path": node "pi" is not connected',
    ]);
    expect((await claim()).metadata.annotations?.[SELECTED]).toBe('pi');
    const status = { conditions: [{ type: 'Ready', status: 'Unknown' }] };
    await harness.client.patch(nodes, { name: 'pi' }, 'merge', { status }, { subresource: 'status' });
    await harness.settle();
    expect((await claim()).metadata.annotations?.[SELECTED]).toBeUndefined();
    boards.connect('pi');
    await harness.settle();
    expect(boards.directories.size).toBe(0);
    await expect(volume(name)).rejects.toMatchObject({ code: 404 });
  });

  it('is served when the board is back in time', async () => {
    boards.away.add('pi');
    const name = await makeClaim();
    boards.connect('pi');
    await harness.settle();
    expect((await claim()).spec.volumeName).toBe(name);
  });

  it.each<[string, Error | undefined]>([
    ['gone', undefined],
    ['pi', new Error('no room')],
  ])('is for another node where %s can not do it', async (node, problem) => {
    boards.problem = problem;
    await makeClaim({}, node);
    expect((await claim()).metadata.annotations?.[SELECTED]).toBeUndefined();
    expect(told('Warning ProvisioningFailed')[0]).toContain(problem?.message ?? 'node "gone" not found');
  });

  it.each<[string, Partial<Spec>, Partial<StorageClass>, string]>([
    ['modes', { accessModes: ['ReadWriteMany'] }, {}, 'accessModes: ReadWriteMany: a directory of one node'],
    ['volume mode', { volumeMode: 'Block' }, {}, 'volumeMode: Block is not supported'],
    ['selector', { selector: { matchLabels: { a: 'b' } } }, {}, 'selector is not supported'],
    [
      'source',
      { dataSource: { kind: 'PersistentVolumeClaim', name: 'x' } },
      {},
      'dataSource: PersistentVolumeClaim x',
    ],
    ['attributes', { volumeAttributesClassName: 'gold' }, {}, 'volumeAttributesClassName is not supported'],
    ['parameters', {}, { parameters: { nodePath: '/x' } }, 'parameters.nodePath of the StorageClass'],
    ['mount options', {}, { mountOptions: ['ro'] }, 'mountOptions of the StorageClass are not supported'],
  ])('with %s that can not be had is told so by name', async (_, spec, over, why) => {
    await harness.client.create(storageclasses, {
      metadata: { name: 'own' },
      ...{ provisioner: 'coracle.dev/local-path', volumeBindingMode: 'WaitForFirstConsumer' },
      ...over,
    });
    await makeClaim({ storageClassName: 'own', ...spec });
    expect(told('Warning ProvisioningFailed')[0]).toContain(why);
    expect(boards.directories.size).toBe(0);
  });

  it('of a class that binds at once is told so by name', async () => {
    await harness.client.create(storageclasses, {
      metadata: { name: 'own' },
      ...{ provisioner: 'coracle.dev/local-path', volumeBindingMode: 'Immediate' },
    });
    await makeClaim({ storageClassName: 'own' }, '');
    expect(told('Warning ProvisioningFailed')[0]).toContain('volumeBindingMode: Immediate names no node');
  });

  it('that grows is told that it does not, in its status too', async () => {
    await makeClaim();
    const spec = { resources: { requests: { storage: '5Gi' } } };
    await harness.client.patch(persistentvolumeclaims, KEY, 'merge', { spec });
    await harness.settle();
    const message =
      'coracle.dev/local-path does not expand volumes: spec.resources.requests.storage 5Gi stays at 1Gi';
    expect((await claim()).status).toMatchObject({
      capacity: { storage: '1Gi' },
      allocatedResourceStatuses: { storage: 'ControllerResizeInfeasible' },
      conditions: [{ type: 'ControllerResizeError', status: 'True', message }],
    });
    expect(told('Warning VolumeResizeFailed')).toEqual([`Warning VolumeResizeFailed ${message}`]);
  });
});

it('the class is the default, made once, left as it was changed, and gone when switched off', async () => {
  const { client } = harness;
  const get = () => client.get(storageclasses, { name: 'local-path' });
  expect(await get()).toMatchObject({
    metadata: { annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
    volumeBindingMode: 'WaitForFirstConsumer',
  });
  const annotations = { 'storageclass.kubernetes.io/is-default-class': 'false' };
  await client.patch(storageclasses, { name: 'local-path' }, 'merge', { metadata: { annotations } });
  await ensureLocalPathClass(client, true);
  expect((await get()).metadata.annotations).toEqual(annotations);
  await ensureLocalPathClass(client, false);
  await expect(get()).rejects.toMatchObject({ code: 404 });
  // Where another is the default already, that one stays it.
  const own = { 'storageclass.kubernetes.io/is-default-class': 'true' };
  await client.create(storageclasses, { metadata: { name: 'own', annotations: own }, provisioner: 'p' });
  await ensureLocalPathClass(client, true);
  expect((await get()).metadata.annotations).toEqual(annotations);
  await client.delete(storageclasses, { name: 'local-path' });
  await client.create(storageclasses, {
    metadata: { name: 'local-path' },
    provisioner: 'rancher.io/local-path',
  });
  await ensureLocalPathClass(client, false);
  expect((await get()).provisioner).toBe('rancher.io/local-path');
});
