import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { jobs } from '#proto/api/batch/jobs.ts';
import { pods } from '#proto/api/core/pods.ts';
import { conflict, isNotFound } from '#proto/meta/status-error.ts';
import type { JobSpec } from '#proto/schema/generated/batch-v1.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import { createJobController } from '#server/controllers/job/job.controller.ts';
import { isJobFinished } from '#server/controllers/job/job-conditions.ts';
import {
  aJob,
  conditionsOf,
  endPod,
  getJob,
  indexOf,
  KEY,
  listPods,
  livePods,
} from '#server/controllers/job/testing.ts';
import type { Harness } from '#server/controllers/testing/harness.ts';
import { reportPod, startHarness } from '#server/controllers/testing/harness.ts';
import { LaggingClient } from '#server/controllers/testing/lagging-client.ts';
import { seeded } from '#server/controllers/testing/random.ts';

const SEEDS = [1, 7, 42, 1871, 459305, 20260101, 987654321];

/** What the nodes did, in the order of their doing: the truth that a status must come to. */
interface Ledger {
  succeeded: string[];
  failed: string[];
  readonly indexes: number[];
}

/** One random deed of a node or a user, after a random number of turns. */
async function step(harness: Harness, rng: () => number, ledger: Ledger, failing: number): Promise<void> {
  for (let i = Math.floor(rng() * 8); i > 0; i -= 1) await turn();
  const live = await livePods(harness);
  const pod = live[Math.floor(rng() * live.length)];
  if (!pod) {
    await harness.clock.advance(5_000);
    return;
  }
  const deed = rng();
  const uid = pod.metadata.uid ?? '';
  try {
    if (deed < 0.3) await reportPod(harness, pod, deed < 0.2);
    else if (deed < 0.3 + failing) {
      await endPod(harness, pod, 1);
      ledger.failed.push(uid);
    } else {
      await endPod(harness, pod, 0);
      ledger.succeeded.push(uid);
      ledger.indexes.push(indexOf(pod));
    }
  } catch (err) {
    // Deleted in between: the node never got to it.
    if (!isNotFound(err)) throw err;
  }
}

async function run(
  spec: Partial<JobSpec>,
  seed: number,
  failing: number,
  meddle: (harness: Harness, round: number) => Promise<void> = async () => {},
): Promise<{ harness: Harness; ledger: Ledger }> {
  const rng = seeded(seed);
  const harness = await startHarness([createJobController], rng, (now) => new LaggingClient(now, rng));
  // Now and then a write of the status comes too late, and another call fails.
  harness.client.onCall = ({ verb, resource, key }) => {
    if (verb === 'update' && resource === 'jobs' && rng() < 0.15) {
      throw conflict({ group: 'batch', resource }, key, 'too late');
    }
    if (verb === 'create' && resource === 'pods' && rng() < 0.1) throw new Error('no room');
  };
  await harness.client.create(jobs, aJob(spec));
  const ledger: Ledger = { succeeded: [], failed: [], indexes: [] };
  for (let round = 0; !isJobFinished(await getJob(harness)); round += 1) {
    if (round > 600) throw new Error(`does not converge: ${JSON.stringify((await getJob(harness)).status)}`);
    const { parallelism = 1 } = (await getJob(harness)).spec;
    expect((await livePods(harness)).length).toBeLessThanOrEqual(parallelism);
    await meddle(harness, round);
    await step(harness, rng, ledger, failing);
  }
  await rest(harness);
  return { harness, ledger };
}

/** Long enough for every cache to catch up. */
async function rest(harness: Harness): Promise<void> {
  for (let i = 0; i < 50; i += 1) await turn();
  await harness.settle();
}

const heldPods = async (harness: Harness): Promise<Pod[]> =>
  (await listPods(harness)).filter((pod) => (pod.metadata.finalizers ?? []).length > 0);

async function expectRest(harness: Harness): Promise<void> {
  await harness.clock.advance(60_000);
  await rest(harness);
  expect(await heldPods(harness)).toEqual([]);
  expect(await livePods(harness)).toEqual([]);
  const calls = harness.client.calls.length;
  await harness.client.patch(jobs, KEY, 'merge', { metadata: { labels: { touched: 'yes' } } });
  await rest(harness);
  const [, ...after] = harness.client.calls.slice(calls);
  expect(after).toEqual([]);
}

describe.each(SEEDS)('a Job under random interleavings, seed %i', (seed) => {
  it.each([
    { completions: 7, parallelism: 3 },
    { completions: 5, parallelism: 1 },
    { completions: 4, parallelism: 9 },
  ])('of $completions with $parallelism at once counts what happened, once', async (shape) => {
    const { harness, ledger } = await run({ ...shape, backoffLimit: 100 }, seed, 0.2);
    const { status } = await getJob(harness);
    expect(conditionsOf(await getJob(harness))).toContain('Complete: CompletionsReached');
    expect(status).toMatchObject({ succeeded: shape.completions, uncountedTerminatedPods: {} });
    expect(ledger.succeeded).toHaveLength(shape.completions);
    expect(status?.failed ?? 0).toBe(ledger.failed.length);
    await expectRest(harness);
    harness.stop();
  });

  it('succeeds once for each index', async () => {
    const spec = { completions: 6, parallelism: 3, completionMode: 'Indexed', backoffLimit: 100 };
    const { harness, ledger } = await run(spec, seed, 0.2);
    const { status } = await getJob(harness);
    expect(status).toMatchObject({ succeeded: 6, completedIndexes: '0-5' });
    expect([...ledger.indexes].sort()).toEqual([0, 1, 2, 3, 4, 5]);
    expect(status?.failed ?? 0).toBe(ledger.failed.length);
    await expectRest(harness);
    harness.stop();
  });

  it('gives up indexes that fail too often, and no others', async () => {
    const spec = { completions: 5, parallelism: 2, completionMode: 'Indexed', backoffLimitPerIndex: 1 };
    const { harness, ledger } = await run(spec, seed, 0.45);
    const { status } = await getJob(harness);
    expect(status?.succeeded ?? 0).toBe(ledger.indexes.length);
    expect(new Set(ledger.indexes).size).toBe(ledger.indexes.length);
    expect(status?.failed ?? 0).toBe(ledger.failed.length);
    const job = await getJob(harness);
    expect(conditionsOf(job)).toContain(
      ledger.indexes.length === 5 ? 'Complete: CompletionsReached' : 'Failed: FailedIndexes',
    );
    await expectRest(harness);
    harness.stop();
  });

  it('fails with one failure more than its limit', async () => {
    const { harness, ledger } = await run({ completions: 50, parallelism: 1, backoffLimit: 3 }, seed, 0.5);
    expect(conditionsOf(await getJob(harness))).toContain('Failed: BackoffLimitExceeded');
    expect((await getJob(harness)).status?.failed).toBe(4);
    expect(ledger.failed).toHaveLength(4);
    await expectRest(harness);
    harness.stop();
  });

  it('comes through suspensions and deleted pods', async () => {
    const rng = seeded(seed + 1);
    const spec = { completions: 6, parallelism: 3, backoffLimit: 1000 };
    const { harness } = await run(spec, seed, 0.1, async (h, round) => {
      if (round % 9 === 4) await h.client.patch(jobs, KEY, 'merge', { spec: { suspend: true } });
      if (round % 9 === 6) await h.client.patch(jobs, KEY, 'merge', { spec: { suspend: false } });
      const [pod] = await livePods(h);
      if (pod && rng() < 0.1) {
        await h.client.delete(pods, { namespace: 'default', name: pod.metadata.name ?? '' });
      }
    });
    expect((await getJob(harness)).status?.succeeded).toBeGreaterThanOrEqual(6);
    expect(conditionsOf(await getJob(harness))).toContain('Complete: CompletionsReached');
    await expectRest(harness);
    harness.stop();
  });

  it('counts right through power cuts at any call', async () => {
    const rng = seeded(seed + 2);
    const client = new LaggingClient(() => Date.UTC(2026, 0, 1), rng);
    await client.create(jobs, aJob({ completions: 8, parallelism: 4, backoffLimit: 1000 }));
    const ledger: Ledger = { succeeded: [], failed: [], indexes: [] };
    let harness: Harness | undefined;
    for (let life = 0; ; life += 1) {
      if (life > 200) throw new Error('does not converge');
      let left = life < 40 ? Math.floor(rng() * 12) : Number.POSITIVE_INFINITY;
      client.onCall = ({ verb, resource, subresource }) => {
        const isController = verb !== 'list' && verb !== 'get' && !(resource === 'pods' && subresource);
        if (isController && left-- <= 0) throw new Error('no power');
      };
      harness = await startHarness([createJobController], rng, () => client);
      for (let i = 0; i < 6; i += 1) await step(harness, rng, ledger, 0.2);
      await rest(harness);
      if (isJobFinished(await getJob(harness))) break;
      harness.stop();
      await rest(harness);
    }
    client.onCall = undefined;
    const { status } = await getJob(harness);
    expect(status).toMatchObject({ uncountedTerminatedPods: {} });
    expect(status?.succeeded).toBe(ledger.succeeded.length);
    expect(status?.failed ?? 0).toBe(ledger.failed.length);
    expect(ledger.succeeded).toHaveLength(8);
    await expectRest(harness);
    harness.stop();
  });
});
