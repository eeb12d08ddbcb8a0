import { describe, expect, it } from 'vitest';
import { controllerrevisions } from '#proto/api/apps/controllerrevisions.ts';
import { daemonsets } from '#proto/api/apps/daemonsets.ts';
import { nodes } from '#proto/api/core/nodes.ts';
import { pods } from '#proto/api/core/pods.ts';
import type { DaemonSet, DaemonSetSpec } from '#proto/schema/generated/apps-v1.ts';
import type { Node, Pod } from '#proto/schema/generated/core-v1.ts';
import { targetNodeOf } from '#server/controllers/daemonset/daemon-pod.plan.ts';
import { createDaemonSetController } from '#server/controllers/daemonset/daemonset.controller.ts';
import { isPodActive, isPodReady } from '#server/controllers/pod-state.ts';
import type { Harness } from '#server/controllers/testing/harness.ts';
import { startHarness } from '#server/controllers/testing/harness.ts';
import { LaggingClient } from '#server/controllers/testing/lagging-client.ts';
import { converge, expectQuiet, failSometimes, nodeStep } from '#server/controllers/testing/node-agent.ts';
import { seeded } from '#server/controllers/testing/random.ts';

const KEY = { namespace: 'kube-system', name: 'proxy' };
const SEEDS = [5, 13, 99, 2024, 31337];
const BOARDS = ['a', 'b', 'c', 'd', 'e'];

const templateOf = (image: string) => ({
  metadata: { labels: { app: 'proxy' } },
  spec: { containers: [{ name: 'proxy', image }] },
});

const aSet = (spec: Partial<DaemonSetSpec> = {}): DaemonSet => ({
  metadata: { ...KEY },
  spec: {
    selector: { matchLabels: { app: 'proxy' } },
    template: templateOf('1'),
    updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } },
    revisionHistoryLimit: 2,
    ...spec,
  },
});

const aNode = (name: string): Node => ({ metadata: { name, labels: { board: name } }, spec: {} });
const lagging = (rng: () => number) => (now: () => number) => new LaggingClient(now, rng);
const change = (harness: Harness, spec: object) => harness.client.patch(daemonsets, KEY, 'merge', { spec });
const setImage = (harness: Harness, image: string) => change(harness, { template: templateOf(image) });
const podsOf = async (harness: Harness) => (await harness.client.list(pods)).items;
const statusOf = async (harness: Harness) => (await harness.client.get(daemonsets, KEY)).status;

/** `a:1 b:1`: which image is on which board. */
const placed = async (harness: Harness): Promise<string> =>
  (await podsOf(harness))
    .map((pod) => `${targetNodeOf(pod)}:${pod.spec.containers[0]?.image}`)
    .sort()
    .join(' ');

async function start(spec: Partial<DaemonSetSpec> = {}, boards: readonly string[] = ['a', 'b', 'c']) {
  const harness = await startHarness([createDaemonSetController]);
  for (const name of boards) await harness.client.create(nodes, aNode(name));
  await harness.client.create(daemonsets, aSet(spec));
  await converge(harness, seeded(1));
  return harness;
}

const countNodes = (some: readonly Pod[]): number => new Set(some.map(targetNodeOf)).size;

describe.each(SEEDS)('a DaemonSet under random interleavings, seed %i', (seed) => {
  it.each([
    { maxUnavailable: 1, maxSurge: 0 },
    { maxUnavailable: 2, maxSurge: 0 },
    { maxUnavailable: '30%', maxSurge: 0 },
    { maxUnavailable: 0, maxSurge: 1 },
    { maxUnavailable: 0, maxSurge: 2 },
  ])('rolls with $maxUnavailable unavailable and a surge of $maxSurge', async (rollingUpdate) => {
    const rng = seeded(seed);
    const harness = await startHarness([createDaemonSetController], rng, lagging(rng));
    for (const name of BOARDS) await harness.client.create(nodes, aNode(name));
    await harness.client.create(
      daemonsets,
      aSet({ updateStrategy: { type: 'RollingUpdate', rollingUpdate } }),
    );
    harness.client.onCall = failSometimes(rng);
    const most = rollingUpdate.maxUnavailable === '30%' ? 2 : Number(rollingUpdate.maxUnavailable);
    const bounded = async (): Promise<readonly Pod[]> => {
      const active = (await podsOf(harness)).filter(isPodActive);
      expect(active.length).toBeLessThanOrEqual(BOARDS.length + rollingUpdate.maxSurge);
      for (const board of BOARDS) {
        const here = active.filter((pod) => targetNodeOf(pod) === board);
        expect(here.length).toBeLessThanOrEqual(rollingUpdate.maxSurge > 0 ? 2 : 1);
      }
      return active;
    };
    await converge(harness, rng, async () => void (await bounded()));
    expect(await placed(harness)).toBe('a:1 b:1 c:1 d:1 e:1');

    const available = async (): Promise<void> => {
      const ready = (await bounded()).filter(isPodReady);
      expect(countNodes(ready)).toBeGreaterThanOrEqual(BOARDS.length - most);
    };
    await setImage(harness, '2');
    for (let i = 0; i < 4; i += 1) {
      await nodeStep(harness, rng);
      await available();
    }
    await setImage(harness, '3');
    for (let i = 0; i < 3; i += 1) {
      await nodeStep(harness, rng);
      await available();
    }
    await setImage(harness, '1');
    await converge(harness, rng, available);
    expect(await placed(harness)).toBe('a:1 b:1 c:1 d:1 e:1');
    const { status, metadata } = await harness.client.get(daemonsets, KEY);
    expect(status).toEqual({
      desiredNumberScheduled: 5,
      currentNumberScheduled: 5,
      numberReady: 5,
      numberAvailable: 5,
      updatedNumberScheduled: 5,
      numberMisscheduled: 0,
      observedGeneration: metadata.generation,
    });
    await expectQuiet(harness, () =>
      harness.client.patch(daemonsets, KEY, 'merge', { metadata: { annotations: { woken: 'yes' } } }),
    );
    harness.stop();
  });

  it('follows nodes that come, go and are tainted', async () => {
    const rng = seeded(seed);
    const harness = await startHarness([createDaemonSetController], rng, lagging(rng));
    await harness.client.create(daemonsets, aSet());
    harness.client.onCall = failSometimes(rng);
    const there = new Set<string>();
    for (let i = 0; i < 25; i += 1) {
      const name = BOARDS[Math.floor(rng() * BOARDS.length)] ?? 'a';
      if (!there.has(name)) await harness.client.create(nodes, aNode(name));
      else if (rng() < 0.4) await harness.client.delete(nodes, { name });
      else {
        const taints = rng() < 0.5 ? [{ key: 'busy', effect: rng() < 0.5 ? 'NoSchedule' : 'NoExecute' }] : [];
        await harness.client.patch(nodes, { name }, 'merge', { spec: { taints } });
      }
      for (const { metadata } of (await harness.client.list(nodes)).items) there.add(metadata.name ?? '');
      for (const one of [...there])
        if (!(await harness.client.list(nodes)).items.some(({ metadata }) => metadata.name === one))
          there.delete(one);
      await nodeStep(harness, rng);
    }
    for (const name of there) await harness.client.patch(nodes, { name }, 'merge', { spec: { taints: [] } });
    // What the garbage collector of Pods does with those of lost nodes.
    const lost = (await podsOf(harness)).filter((pod) => pod.spec.nodeName && !there.has(pod.spec.nodeName));
    for (const { metadata } of lost)
      await harness.client.delete(
        pods,
        { namespace: metadata.namespace, name: metadata.name ?? '' },
        { gracePeriodSeconds: 0 },
      );
    await converge(harness, rng);
    expect(await placed(harness)).toBe(
      [...there]
        .sort()
        .map((name) => `${name}:1`)
        .join(' '),
    );
    harness.stop();
  });
});

describe('a DaemonSet', () => {
  it('binds its Pods to their nodes and tolerates what ails them', async () => {
    const affinity = {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [{ matchExpressions: [{ key: 'board', operator: 'In', values: ['b'] }] }],
        },
      },
    };
    const template = { ...templateOf('1'), spec: { ...templateOf('1').spec, hostNetwork: true, affinity } };
    const harness = await start({ template });
    const all = await podsOf(harness);
    expect(all.map((pod) => pod.spec.affinity)).toEqual([
      {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['b'] }] }],
          },
        },
      },
    ]);
    expect(all[0]?.spec.tolerations?.map(({ key, effect }) => `${key}:${effect}`)).toEqual([
      'node.kubernetes.io/not-ready:NoExecute',
      'node.kubernetes.io/unreachable:NoExecute',
      'node.kubernetes.io/disk-pressure:NoSchedule',
      'node.kubernetes.io/memory-pressure:NoSchedule',
      'node.kubernetes.io/pid-pressure:NoSchedule',
      'node.kubernetes.io/unschedulable:NoSchedule',
      'node.kubernetes.io/network-unavailable:NoSchedule',
    ]);
    await change(harness, { template: { spec: { affinity: null } } });
    await converge(harness, seeded(2));
    expect(await placed(harness)).toBe('a:1 b:1 c:1');
    harness.stop();
  });

  it('leaves what runs on a node with a new NoSchedule taint, and counts it as misscheduled', async () => {
    const harness = await start();
    const taint = (effect: string) =>
      harness.client.patch(nodes, { name: 'b' }, 'merge', { spec: { taints: [{ key: 'busy', effect }] } });
    await taint('NoSchedule');
    await converge(harness, seeded(2));
    expect(await placed(harness)).toBe('a:1 b:1 c:1');
    expect(await statusOf(harness)).toMatchObject({ desiredNumberScheduled: 2, numberMisscheduled: 1 });
    await taint('NoExecute');
    await converge(harness, seeded(3));
    expect(await placed(harness)).toBe('a:1 c:1');
    harness.stop();
  });

  it('leaves the update to whoever deletes the Pods, with OnDelete', async () => {
    const harness = await start({ updateStrategy: { type: 'OnDelete' } });
    await setImage(harness, '2');
    await converge(harness, seeded(2));
    expect(await placed(harness)).toBe('a:1 b:1 c:1');
    const [first] = await podsOf(harness);
    await harness.client.delete(pods, { namespace: KEY.namespace, name: first?.metadata.name ?? '' });
    await converge(harness, seeded(3));
    expect((await placed(harness)).match(/:2/g)).toHaveLength(1);
    harness.stop();
  });

  it('goes back over a bad update at once, and numbers its history as it is used', async () => {
    const harness = await start();
    await setImage(harness, 'bad');
    await harness.settle();
    for (const pod of (await podsOf(harness)).filter(({ metadata }) => metadata.deletionTimestamp))
      await harness.client.delete(
        pods,
        { namespace: KEY.namespace, name: pod.metadata.name ?? '' },
        { gracePeriodSeconds: 0 },
      );
    await harness.settle();
    expect((await placed(harness)).match(/:bad/g)).toHaveLength(1);
    await setImage(harness, '1');
    await converge(harness, seeded(3));
    expect(await placed(harness)).toBe('a:1 b:1 c:1');
    for (const image of ['2', '3', '4']) {
      await setImage(harness, image);
      await converge(harness, seeded(4));
    }
    const { items } = await harness.client.list(controllerrevisions);
    expect(items.map(({ revision }) => revision).sort()).toEqual([4, 5, 6]);
    const [pod] = await podsOf(harness);
    const newest = items.find(({ revision }) => revision === 6);
    expect(pod?.metadata.labels?.['controller-revision-hash']).toBe(
      newest?.metadata.labels?.['controller-revision-hash'],
    );
    harness.stop();
  });

  it('deletes failed Pods, and waits longer each time', async () => {
    const harness = await start({}, ['a']);
    const fail = async (): Promise<string | undefined> => {
      const [pod] = await podsOf(harness);
      await harness.client.patch(
        pods,
        { namespace: KEY.namespace, name: pod?.metadata.name ?? '' },
        'merge',
        { status: { phase: 'Failed' } },
        { subresource: 'status' },
      );
      await harness.settle();
      return pod?.metadata.uid;
    };
    const current = async () => (await podsOf(harness))[0]?.metadata.uid;
    const first = await fail();
    expect(await current()).not.toBe(first);
    expect(harness.events.told).toContainEqual(
      expect.stringMatching(
        /^Warning FailedDaemonPod Found failed daemon pod kube-system\/proxy-\w+ on node a, will try to kill it$/,
      ),
    );
    const second = await fail();
    expect(await current()).toBe(second);
    await harness.clock.advance(1000);
    await harness.settle();
    expect(await current()).not.toBe(second);
    const third = await fail();
    await harness.clock.advance(1500);
    await harness.settle();
    expect(await current()).toBe(third);
    await harness.clock.advance(500);
    await harness.settle();
    expect(await current()).not.toBe(third);
    harness.stop();
  });

  it('waits for minReadySeconds before the next node', async () => {
    const harness = await start({ minReadySeconds: 30 });
    await harness.clock.advance(30_000);
    await harness.settle();
    expect(await statusOf(harness)).toMatchObject({ numberAvailable: 3 });
    await setImage(harness, '2');
    for (let i = 0; i < 10; i += 1) {
      await nodeStep(harness, () => 0);
      await harness.settle();
    }
    expect((await placed(harness)).match(/:2/g)).toHaveLength(1);
    await harness.clock.advance(30_000);
    await harness.settle();
    for (let i = 0; i < 10; i += 1) {
      await nodeStep(harness, () => 0);
      await harness.settle();
    }
    expect((await placed(harness)).match(/:2/g)).toHaveLength(2);
    harness.stop();
  });

  it('gives up Pods that wait for a node that has gone', async () => {
    const harness = await startHarness([createDaemonSetController]);
    await harness.client.create(nodes, aNode('a'));
    await harness.client.create(daemonsets, aSet());
    await harness.settle();
    expect(await placed(harness)).toBe('a:1');
    await harness.client.delete(nodes, { name: 'a' });
    await harness.settle();
    expect(await placed(harness)).toBe('');
    harness.stop();
  });
});
