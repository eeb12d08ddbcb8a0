import { describe, expect, it } from 'vitest';
import { deployments } from '#proto/api/apps/deployments.ts';
import { replicasets } from '#proto/api/apps/replicasets.ts';
import { pods } from '#proto/api/core/pods.ts';
import type { Deployment } from '#proto/schema/generated/apps-v1.ts';
import { createDeploymentController } from '#server/controllers/deployment/deployment.controller.ts';
import { isPodActive, isPodReady } from '#server/controllers/pod-state.ts';
import { createReplicaSetController } from '#server/controllers/replicaset/replicaset.controller.ts';
import type { Harness } from '#server/controllers/testing/harness.ts';
import { startHarness } from '#server/controllers/testing/harness.ts';
import { LaggingClient } from '#server/controllers/testing/lagging-client.ts';
import { converge, expectQuiet, failSometimes, nodeStep } from '#server/controllers/testing/node-agent.ts';
import { seeded } from '#server/controllers/testing/random.ts';

const KEY = { namespace: 'default', name: 'web' };
const SEEDS = [1, 7, 42, 1871, 20260101, 987654321];

const aDeployment = (replicas: number, maxSurge: number, maxUnavailable: number): Deployment => ({
  metadata: { ...KEY },
  spec: {
    replicas,
    selector: { matchLabels: { app: 'web' } },
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable } },
    template: templateOf('1'),
    progressDeadlineSeconds: 600,
    revisionHistoryLimit: 2,
  },
});

const templateOf = (image: string) => ({
  metadata: { labels: { app: 'web' } },
  spec: { containers: [{ name: 'web', image }] },
});

const setImage = (harness: Harness, image: string) =>
  harness.client.patch(deployments, KEY, 'merge', { spec: { template: templateOf(image) } });

async function counts(harness: Harness) {
  const active = (await harness.client.list(pods)).items.filter(isPodActive);
  return { active: active.length, available: active.filter(isPodReady).length };
}

/** Deployments and ReplicaSets on caches that lag, with writes that fail from here on. */
async function start(rng: () => number, deployment: Deployment): Promise<Harness> {
  const harness = await startHarness(
    [createDeploymentController, createReplicaSetController],
    rng,
    (now) => new LaggingClient(now, rng),
  );
  await harness.client.create(deployments, deployment);
  harness.client.onCall = failSometimes(rng);
  return harness;
}

describe.each(SEEDS)('a Deployment under random interleavings, seed %i', (seed) => {
  it.each([
    { replicas: 6, maxSurge: 2, maxUnavailable: 1 },
    { replicas: 4, maxSurge: 0, maxUnavailable: 2 },
    { replicas: 3, maxSurge: 1, maxUnavailable: 0 },
  ])('rolls $replicas with surge $maxSurge and unavailable $maxUnavailable', async (shape) => {
    const rng = seeded(seed);
    const { replicas, maxSurge, maxUnavailable } = shape;
    const harness = await start(rng, aDeployment(replicas, maxSurge, maxUnavailable));
    const bounded = async (): Promise<void> =>
      expect((await counts(harness)).active).toBeLessThanOrEqual(replicas + maxSurge);
    await converge(harness, rng, bounded);
    expect(await counts(harness)).toEqual({ active: replicas, available: replicas });

    const available = async (): Promise<void> => {
      await bounded();
      expect((await counts(harness)).available).toBeGreaterThanOrEqual(replicas - maxUnavailable);
    };
    await setImage(harness, '2');
    for (let i = 0; i < 3; i += 1) {
      await nodeStep(harness, rng);
      await available();
    }
    // Over the running rollout: a newer template, then back to the first.
    await setImage(harness, '3');
    for (let i = 0; i < 2; i += 1) await nodeStep(harness, rng);
    await setImage(harness, '1');
    await converge(harness, rng, available);

    const deployment = await harness.client.get(deployments, KEY);
    expect(deployment.status).toMatchObject({
      replicas,
      updatedReplicas: replicas,
      availableReplicas: replicas,
      observedGeneration: deployment.metadata.generation,
    });
    const active = (await harness.client.list(replicasets)).items.filter((rs) => rs.spec.replicas);
    expect(active.map((rs) => rs.spec.template?.spec?.containers[0]?.image)).toEqual(['1']);
    expect(deployment.status?.conditions?.find((c) => c.type === 'Progressing')?.reason).toBe(
      'NewReplicaSetAvailable',
    );
    await expectQuiet(harness, () =>
      harness.client.patch(deployments, KEY, 'merge', { metadata: { labels: { woken: 'yes' } } }),
    );
    harness.stop();
  });
});

describe('a Deployment', () => {
  it('scales, keeps its history short, and gives a rollback the newest revision', async () => {
    const rng = seeded(3);
    const harness = await startHarness([createDeploymentController, createReplicaSetController], rng);
    await harness.client.create(deployments, aDeployment(2, 1, 0));
    const free = async (): Promise<void> => {};
    await converge(harness, rng, free);
    for (const image of ['2', '3', '4', '5']) {
      await setImage(harness, image);
      await converge(harness, rng, free);
    }
    const sets = (await harness.client.list(replicasets)).items;
    expect(sets.map((rs) => rs.metadata.annotations?.['deployment.kubernetes.io/revision']).sort()).toEqual([
      '3',
      '4',
      '5',
    ]);
    await setImage(harness, '3');
    await converge(harness, rng, free);
    const deployment = await harness.client.get(deployments, KEY);
    expect(deployment.metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('6');
    await harness.client.patch(deployments, KEY, 'merge', { spec: { replicas: 5 } });
    await converge(harness, rng, free);
    expect(await counts(harness)).toEqual({ active: 5, available: 5 });
    expect(harness.events.told).toContainEqual(
      expect.stringMatching(/^Normal ScalingReplicaSet Scaled up replica set web-\w+ from 2 to 5$/),
    );
    harness.stop();
  });

  it('exceeds its progress deadline when pods never become ready, and recovers', async () => {
    const harness = await startHarness([createDeploymentController, createReplicaSetController]);
    await harness.client.create(deployments, aDeployment(1, 1, 0));
    await harness.settle();
    await harness.clock.advance(602_000);
    await harness.settle();
    const progressing = async () =>
      (await harness.client.get(deployments, KEY)).status?.conditions?.find((c) => c.type === 'Progressing');
    expect(await progressing()).toMatchObject({ status: 'False', reason: 'ProgressDeadlineExceeded' });
    await converge(harness, seeded(1), async () => {});
    expect(await progressing()).toMatchObject({ status: 'True', reason: 'NewReplicaSetAvailable' });
    harness.stop();
  });

  it('recreates: the last old pod is gone before the first new one comes', async () => {
    const harness = await startHarness([createDeploymentController, createReplicaSetController]);
    const deployment = aDeployment(2, 0, 0);
    deployment.spec.strategy = { type: 'Recreate' };
    await harness.client.create(deployments, deployment);
    await converge(harness, seeded(1), async () => {});
    await setImage(harness, '2');
    await converge(harness, seeded(2), async () => {
      const images = (await harness.client.list(pods)).items.map((p) => p.spec.containers[0]?.image);
      expect(new Set(images).size).toBeLessThanOrEqual(1);
    });
    const images = (await harness.client.list(pods)).items.map((p) => p.spec.containers[0]?.image);
    expect(images).toEqual(['2', '2']);
    harness.stop();
  });

  it('stands still while paused, but scales', async () => {
    const harness = await startHarness([createDeploymentController, createReplicaSetController]);
    await harness.client.create(deployments, aDeployment(2, 1, 0));
    await converge(harness, seeded(1), async () => {});
    await harness.client.patch(deployments, KEY, 'merge', {
      spec: { paused: true, template: templateOf('2') },
    });
    await converge(harness, seeded(1), async () => {});
    expect((await harness.client.list(replicasets)).items).toHaveLength(1);
    await harness.client.patch(deployments, KEY, 'merge', { spec: { replicas: 3 } });
    await converge(harness, seeded(1), async () => {});
    expect(await counts(harness)).toEqual({ active: 3, available: 3 });
    await harness.client.patch(deployments, KEY, 'merge', { spec: { paused: false } });
    await converge(harness, seeded(1), async () => {});
    expect((await harness.client.list(replicasets)).items).toHaveLength(2);
    harness.stop();
  });
});
