import { describe, expect, it } from 'vitest';
import { controllerrevisions } from '#proto/api/apps/controllerrevisions.ts';
import { statefulsets } from '#proto/api/apps/statefulsets.ts';
import { persistentvolumeclaims } from '#proto/api/core/persistentvolumeclaims.ts';
import { pods } from '#proto/api/core/pods.ts';
import type { StatefulSet, StatefulSetSpec } from '#proto/schema/generated/apps-v1.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import { isPodActive, isPodReady } from '#server/controllers/pod-state.ts';
import { createStatefulSetController } from '#server/controllers/statefulset/statefulset.controller.ts';
import type { Harness } from '#server/controllers/testing/harness.ts';
import { reportPod, startHarness } from '#server/controllers/testing/harness.ts';
import { LaggingClient } from '#server/controllers/testing/lagging-client.ts';
import { converge, expectQuiet, failSometimes, nodeStep } from '#server/controllers/testing/node-agent.ts';
import { seeded } from '#server/controllers/testing/random.ts';

const KEY = { namespace: 'default', name: 'web' };
const SEEDS = [2, 11, 77, 1969, 20260202];

const templateOf = (image: string) => ({
  metadata: { labels: { app: 'web' } },
  spec: { containers: [{ name: 'web', image }] },
});

const aSet = (spec: Partial<StatefulSetSpec> = {}): StatefulSet => ({
  metadata: { ...KEY },
  spec: {
    replicas: 3,
    serviceName: 'web',
    selector: { matchLabels: { app: 'web' } },
    template: templateOf('1'),
    podManagementPolicy: 'OrderedReady',
    updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
    revisionHistoryLimit: 2,
    ...spec,
  },
});

const lagging = (rng: () => number) => (now: () => number) => new LaggingClient(now, rng);
const change = (harness: Harness, spec: object) => harness.client.patch(statefulsets, KEY, 'merge', { spec });
const setImage = (harness: Harness, image: string) => change(harness, { template: templateOf(image) });
const imageOf = (pod: Pod) => pod.spec.containers[0]?.image;

async function podsOf(harness: Harness): Promise<Pod[]> {
  const { items } = await harness.client.list(pods);
  return items.sort((a, b) => ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1));
}

const namesOf = async (harness: Harness) => (await podsOf(harness)).map((pod) => pod.metadata.name);
const imagesOf = async (harness: Harness) => (await podsOf(harness)).map(imageOf);
const ordinal = (name: string): number => Number(name.split('-').at(-1));

/**
 * Watches every write: an ordered set makes a Pod only after all before it, and no update takes more than
 * `maxUnavailable` away. Gives what broke that: an error in a call would only be tried again.
 */
function watchOrder(harness: Harness, maxUnavailable: number, rng: () => number): readonly string[] {
  const violations: string[] = [];
  const mayFail = failSometimes(rng);
  harness.client.onCall = async (call) => {
    mayFail(call);
    const { verb, resource, key } = call;
    if (resource !== 'pods' || (verb !== 'create' && verb !== 'delete')) return;
    const set = await harness.client.get(statefulsets, KEY);
    const replicas = set.spec.replicas ?? 1;
    const ordered = set.spec.podManagementPolicy === 'OrderedReady';
    const available = (await podsOf(harness))
      .filter((pod) => isPodActive(pod) && isPodReady(pod))
      .map((pod) => ordinal(pod.metadata.name ?? ''));
    const before = available.filter((one) => one < ordinal(key)).length;
    if (verb === 'create' && ordered && before < ordinal(key))
      violations.push(`create ${key} after ${before}`);
    if (verb === 'create' || !available.includes(ordinal(key)) || ordinal(key) >= replicas) return;
    const left = available.filter((one) => one < replicas).length - 1;
    if (left < replicas - maxUnavailable) violations.push(`delete ${key}, leaving ${left} of ${replicas}`);
  };
  return violations;
}

describe.each(SEEDS)('a StatefulSet under random interleavings, seed %i', (seed) => {
  it.each([
    { podManagementPolicy: 'OrderedReady', maxUnavailable: 1 },
    { podManagementPolicy: 'Parallel', maxUnavailable: 1 },
    { podManagementPolicy: 'Parallel', maxUnavailable: 2 },
  ])('comes up, rolls and scales: $podManagementPolicy, $maxUnavailable', async (shape) => {
    const { podManagementPolicy, maxUnavailable } = shape;
    const rng = seeded(seed);
    const harness = await startHarness([createStatefulSetController], rng, lagging(rng));
    const updateStrategy = { type: 'RollingUpdate', rollingUpdate: { partition: 0, maxUnavailable } };
    await harness.client.create(statefulsets, aSet({ podManagementPolicy, updateStrategy }));
    const violations = watchOrder(harness, maxUnavailable, rng);
    const single = async (): Promise<void> => {
      const names = await namesOf(harness);
      expect(new Set(names.map((name) => ordinal(name ?? ''))).size).toBe(names.length);
    };
    await converge(harness, rng, single);
    expect(await namesOf(harness)).toEqual(['web-0', 'web-1', 'web-2']);

    const available = async (): Promise<void> => {
      await single();
      const ready = (await podsOf(harness)).filter((pod) => isPodActive(pod) && isPodReady(pod));
      expect(ready.length).toBeGreaterThanOrEqual(3 - maxUnavailable);
    };
    await setImage(harness, '2');
    for (let i = 0; i < 3; i += 1) await nodeStep(harness, rng);
    await setImage(harness, '3');
    for (let i = 0; i < 2; i += 1) await nodeStep(harness, rng);
    await setImage(harness, '1');
    await converge(harness, rng, available);
    expect(await imagesOf(harness)).toEqual(['1', '1', '1']);

    await change(harness, { replicas: 5, template: templateOf('4') });
    for (let i = 0; i < 4; i += 1) await nodeStep(harness, rng);
    await change(harness, { replicas: 2 });
    await converge(harness, rng, single);
    expect(await namesOf(harness)).toEqual(['web-0', 'web-1']);
    expect(await imagesOf(harness)).toEqual(['4', '4']);
    const { status, metadata } = await harness.client.get(statefulsets, KEY);
    expect(status).toMatchObject({
      replicas: 2,
      readyReplicas: 2,
      availableReplicas: 2,
      updatedReplicas: 2,
      currentReplicas: 2,
      observedGeneration: metadata.generation,
    });
    expect(status?.currentRevision).toBe(status?.updateRevision);
    await expectQuiet(harness, () =>
      harness.client.patch(statefulsets, KEY, 'merge', { metadata: { annotations: { woken: 'yes' } } }),
    );
    expect(violations).toEqual([]);
    harness.stop();
  });
});

describe('a StatefulSet', () => {
  const start = async (spec: Partial<StatefulSetSpec> = {}): Promise<Harness> => {
    const harness = await startHarness([createStatefulSetController]);
    await harness.client.create(statefulsets, aSet(spec));
    await converge(harness, seeded(1));
    return harness;
  };

  it('gives its Pods their identity', async () => {
    const harness = await start({ replicas: 1, ordinals: { start: 4 } });
    const [pod] = await podsOf(harness);
    const { status } = await harness.client.get(statefulsets, KEY);
    expect(pod).toMatchObject({
      metadata: {
        name: 'web-4',
        labels: {
          app: 'web',
          'statefulset.kubernetes.io/pod-name': 'web-4',
          'apps.kubernetes.io/pod-index': '4',
          'controller-revision-hash': status?.currentRevision,
        },
      },
      spec: { hostname: 'web-4', subdomain: 'web' },
    });
    expect(harness.events.told).toEqual([
      'Normal SuccessfulCreate create Pod web-4 in StatefulSet web successful',
    ]);
    await harness.client.patch(pods, { namespace: 'default', name: 'web-4' }, 'merge', {
      metadata: { labels: { 'apps.kubernetes.io/pod-index': null } },
    });
    await converge(harness, seeded(2));
    const [again] = await podsOf(harness);
    expect(again?.metadata.labels?.['apps.kubernetes.io/pod-index']).toBe('4');
    harness.stop();
  });

  it('updates down to the partition, and makes Pods below it from the old revision', async () => {
    const harness = await start();
    const updateStrategy = { type: 'RollingUpdate', rollingUpdate: { partition: 2 } };
    await change(harness, { updateStrategy, template: templateOf('2') });
    await converge(harness, seeded(2));
    expect(await imagesOf(harness)).toEqual(['1', '1', '2']);
    await harness.client.delete(pods, { namespace: 'default', name: 'web-0' });
    await harness.client.delete(pods, { namespace: 'default', name: 'web-2' });
    await converge(harness, seeded(3));
    expect(await imagesOf(harness)).toEqual(['1', '1', '2']);
    const { status } = await harness.client.get(statefulsets, KEY);
    expect(status?.currentRevision).not.toBe(status?.updateRevision);
    expect(status).toMatchObject({ currentReplicas: 2, updatedReplicas: 1 });
    harness.stop();
  });

  it('leaves the update to whoever deletes the Pods, with OnDelete', async () => {
    const harness = await start({ updateStrategy: { type: 'OnDelete' } });
    await setImage(harness, '2');
    await converge(harness, seeded(2));
    expect(await imagesOf(harness)).toEqual(['1', '1', '1']);
    await harness.client.delete(pods, { namespace: 'default', name: 'web-1' });
    await converge(harness, seeded(3));
    expect(await imagesOf(harness)).toEqual(['1', '2', '1']);
    harness.stop();
  });

  it('keeps its history short, and gives a template that comes back the newest number', async () => {
    const harness = await start({ replicas: 1 });
    for (const image of ['2', '3', '4', '5', '3']) {
      await setImage(harness, image);
      await converge(harness, seeded(2));
    }
    const { items } = await harness.client.list(controllerrevisions);
    expect(items.map(({ revision }) => revision).sort()).toEqual([4, 5, 6]);
    const newest = items.find(({ revision }) => revision === 6);
    expect(newest?.data).toEqual({ spec: { template: { ...templateOf('3'), $patch: 'replace' } } });
    expect((await harness.client.get(statefulsets, KEY)).status?.updateRevision).toBe(newest?.metadata.name);
    harness.stop();
  });

  it('stands still at an update that went bad, undo or not, until its Pod is deleted', async () => {
    const harness = await start();
    await setImage(harness, 'bad');
    await harness.settle();
    await harness.client.delete(pods, { namespace: 'default', name: 'web-2' }, { gracePeriodSeconds: 0 });
    await harness.settle();
    expect(await imagesOf(harness)).toEqual(['1', '1', 'bad']);
    await setImage(harness, '1');
    await harness.settle();
    expect(await imagesOf(harness)).toEqual(['1', '1', 'bad']);
    await harness.client.delete(pods, { namespace: 'default', name: 'web-2' });
    await converge(harness, seeded(4));
    expect(await imagesOf(harness)).toEqual(['1', '1', '1']);
    harness.stop();
  });

  it('waits for minReadySeconds before the next Pod', async () => {
    const harness = await startHarness([createStatefulSetController]);
    await harness.client.create(statefulsets, aSet({ replicas: 2, minReadySeconds: 10 }));
    await harness.settle();
    const [first] = await podsOf(harness);
    if (first) await reportPod(harness, first, true);
    await harness.settle();
    expect(await namesOf(harness)).toEqual(['web-0']);
    expect((await harness.client.get(statefulsets, KEY)).status).toMatchObject({
      readyReplicas: 1,
      availableReplicas: 0,
    });
    await harness.clock.advance(10_000);
    await harness.settle();
    expect(await namesOf(harness)).toEqual(['web-0', 'web-1']);
    harness.stop();
  });

  it('makes a Pod that has ended anew, and does not touch Pods of other names', async () => {
    const harness = await start({ replicas: 1 });
    await harness.client.create(pods, {
      metadata: { namespace: 'default', name: 'other', labels: { app: 'web' } },
      spec: { containers: [] },
    });
    const uid = (await podsOf(harness)).find((pod) => pod.metadata.name === 'web-0')?.metadata.uid;
    await harness.client.patch(
      pods,
      { namespace: 'default', name: 'web-0' },
      'merge',
      { status: { phase: 'Succeeded' } },
      { subresource: 'status' },
    );
    await harness.settle();
    const all = await podsOf(harness);
    expect(all.map(({ metadata }) => metadata.name)).toEqual(['other', 'web-0']);
    expect(all[1]?.metadata.uid).not.toBe(uid);
    expect(all[0]?.metadata.ownerReferences).toBeUndefined();
    harness.stop();
  });

  it('has claims that outlive its Pods, or go with them', async () => {
    const volumeClaimTemplates = [{ metadata: { name: 'data' }, spec: { accessModes: ['ReadWriteOnce'] } }];
    const harness = await start({
      replicas: 2,
      volumeClaimTemplates,
      persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain', whenScaled: 'Delete' },
    });
    const owners = async () =>
      Object.fromEntries(
        (await harness.client.list(persistentvolumeclaims)).items.map(({ metadata }) => [
          metadata.name,
          (metadata.ownerReferences ?? []).map(({ kind, name }) => `${kind}/${name}`),
        ]),
      );
    expect(await owners()).toEqual({ 'data-web-0': [], 'data-web-1': [] });
    expect((await podsOf(harness))[1]?.spec.volumes).toEqual([
      { name: 'data', persistentVolumeClaim: { claimName: 'data-web-1' } },
    ]);
    await change(harness, { replicas: 1 });
    await converge(harness, seeded(2));
    expect(await owners()).toEqual({ 'data-web-0': [], 'data-web-1': ['Pod/web-1'] });
    // The garbage collector has not come by yet: the next web-1 must not begin with the old claim.
    await change(harness, { replicas: 2 });
    await converge(harness, seeded(3));
    expect(await namesOf(harness)).toEqual(['web-0']);
    await harness.client.delete(persistentvolumeclaims, { namespace: 'default', name: 'data-web-1' });
    await converge(harness, seeded(4));
    expect(await namesOf(harness)).toEqual(['web-0', 'web-1']);
    await change(harness, { persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Delete' } });
    await converge(harness, seeded(5));
    expect(await owners()).toEqual({
      'data-web-0': ['StatefulSet/web'],
      'data-web-1': ['StatefulSet/web'],
    });
    harness.stop();
  });

  it('makes nothing any more while it is being deleted, and counts what is left', async () => {
    const harness = await start();
    await harness.client.delete(statefulsets, KEY, { propagationPolicy: 'Foreground' });
    const [revision] = (await harness.client.list(controllerrevisions)).items;
    const name = revision?.metadata.name ?? '';
    await harness.client.delete(controllerrevisions, { namespace: 'default', name });
    await harness.client.delete(pods, { namespace: 'default', name: 'web-1' }, { gracePeriodSeconds: 0 });
    await converge(harness, seeded(2));
    expect(await namesOf(harness)).toEqual(['web-0', 'web-2']);
    expect((await harness.client.list(controllerrevisions)).items).toEqual([]);
    expect((await harness.client.get(statefulsets, KEY)).status).toMatchObject({
      replicas: 2,
      currentReplicas: 2,
      currentRevision: name,
    });
    harness.stop();
  });

  it('takes over the Pods and revisions of a set that left them behind, restarting none', async () => {
    const harness = await start({ replicas: 2 });
    const before = (await podsOf(harness)).map(({ metadata }) => metadata.uid);
    await harness.client.delete(statefulsets, KEY);
    const orphaned = { metadata: { ownerReferences: null } };
    for (const { metadata } of await podsOf(harness))
      await harness.client.patch(
        pods,
        { namespace: 'default', name: metadata.name ?? '' },
        'merge',
        orphaned,
      );
    for (const { metadata } of (await harness.client.list(controllerrevisions)).items)
      await harness.client.patch(
        controllerrevisions,
        { namespace: 'default', name: metadata.name ?? '' },
        'merge',
        orphaned,
      );
    const { metadata } = await harness.client.create(statefulsets, aSet({ replicas: 2 }));
    await converge(harness, seeded(2));
    const after = await podsOf(harness);
    expect(after.map((pod) => pod.metadata.uid)).toEqual(before);
    expect(after.map((pod) => pod.metadata.ownerReferences?.[0]?.uid)).toEqual([metadata.uid, metadata.uid]);
    expect((await harness.client.list(controllerrevisions)).items).toHaveLength(1);
    harness.stop();
  });

  it('waits for a Pod of its name that belongs to somebody else', async () => {
    const harness = await startHarness([createStatefulSetController]);
    const foreign = { namespace: 'default', name: 'web-0' };
    await harness.client.create(pods, { metadata: { ...foreign }, spec: { containers: [] } });
    await harness.client.create(statefulsets, aSet({ replicas: 1 }));
    await harness.settle();
    expect((await podsOf(harness))[0]?.metadata.ownerReferences).toBeUndefined();
    await harness.client.delete(pods, foreign);
    await harness.clock.advance(60_000);
    await converge(harness, seeded(2));
    expect((await podsOf(harness))[0]?.metadata.ownerReferences?.[0]?.kind).toBe('StatefulSet');
    harness.stop();
  });
});
