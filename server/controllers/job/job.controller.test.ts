import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { jobs } from '#proto/api/batch/jobs.ts';
import { pods } from '#proto/api/core/pods.ts';
import type { JobSpec } from '#proto/schema/generated/batch-v1.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import { createJobController } from '#server/controllers/job/job.controller.ts';
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

let harness: Harness;
beforeEach(async () => {
  harness = await startHarness([createJobController]);
});
afterEach(() => harness.stop());

async function start(spec: Partial<JobSpec>): Promise<void> {
  await harness.client.create(jobs, aJob(spec));
  await harness.settle();
}

async function end(pod: Pod | undefined, exitCode: number): Promise<void> {
  if (!pod) throw new Error('no such pod');
  await endPod(harness, pod, exitCode);
  await harness.settle();
}

async function wait(ms: number): Promise<void> {
  await harness.clock.advance(ms);
  await harness.settle();
}

const first = async (): Promise<Pod | undefined> => (await livePods(harness))[0];

describe('a Job', () => {
  it('runs its completions, at most parallelism at once, and counts each pod once', async () => {
    await start({ completions: 3, parallelism: 2 });
    expect((await getJob(harness)).status).toMatchObject({ active: 2, ready: 0, terminating: 0 });
    for (const pod of await livePods(harness)) await reportPod(harness, pod, true);
    await harness.settle();
    expect((await getJob(harness)).status).toMatchObject({ active: 2, ready: 2 });
    await end(await first(), 0);
    expect((await getJob(harness)).status).toMatchObject({ active: 2, succeeded: 1 });
    await end(await first(), 0);
    await end(await first(), 0);
    const job = await getJob(harness);
    expect(job.status).toMatchObject({ succeeded: 3, ready: 0, terminating: 0, uncountedTerminatedPods: {} });
    expect(job.status?.active).toBeUndefined();
    expect(job.status?.completionTime).toBeDefined();
    expect(conditionsOf(job)).toEqual([
      'SuccessCriteriaMet: CompletionsReached',
      'Complete: CompletionsReached',
    ]);
    expect((await listPods(harness)).flatMap((pod) => pod.metadata.finalizers ?? [])).toEqual([]);
    expect(harness.events.told.at(-1)).toBe('Normal Completed Job completed');
  });

  it('without completions starts nobody after the first success', async () => {
    await start({ parallelism: 2 });
    await end(await first(), 0);
    expect(await livePods(harness)).toHaveLength(1);
    expect(conditionsOf(await getJob(harness))).toEqual([]);
    await end(await first(), 0);
    expect(conditionsOf(await getJob(harness))).toContain('Complete: CompletionsReached');
  });

  it('replaces failed pods after 10 s, then 20 s, and fails beyond its limit', async () => {
    await start({ completions: 1, backoffLimit: 2 });
    await end(await first(), 1);
    await wait(9_000);
    expect(await livePods(harness)).toHaveLength(0);
    await wait(1_000);
    expect(await livePods(harness)).toHaveLength(1);
    await end(await first(), 1);
    await wait(19_000);
    expect(await livePods(harness)).toHaveLength(0);
    await wait(1_000);
    await end(await first(), 1);
    const job = await getJob(harness);
    expect(conditionsOf(job)).toEqual([
      'FailureTarget: BackoffLimitExceeded',
      'Failed: BackoffLimitExceeded',
    ]);
    expect(job.status).toMatchObject({ failed: 3, uncountedTerminatedPods: {} });
    expect(job.status?.completionTime).toBeUndefined();
    expect(harness.events.told.at(-1)).toBe(
      'Warning BackoffLimitExceeded Job has reached the specified backoff limit',
    );
  });

  it('fails with its deadline and waits for the pods that are still there', async () => {
    await start({ completions: 1, activeDeadlineSeconds: 30 });
    const pod = await first();
    await harness.client.post(pods, { namespace: 'default', name: pod?.metadata.name ?? '' }, 'binding', {
      target: { name: 'a' },
    });
    await harness.settle();
    await wait(30_000);
    expect(conditionsOf(await getJob(harness))).toEqual(['FailureTarget: DeadlineExceeded']);
    expect((await getJob(harness)).status).toMatchObject({ terminating: 1, failed: 1 });
    await harness.client.delete(
      pods,
      { namespace: 'default', name: pod?.metadata.name ?? '' },
      { gracePeriodSeconds: 0 },
    );
    await harness.settle();
    expect(conditionsOf(await getJob(harness))).toContain('Failed: DeadlineExceeded');
  });

  it('suspends without counting failures, and resumes with a new start time', async () => {
    await start({ completions: 2, parallelism: 2, activeDeadlineSeconds: 100 });
    const { startTime } = (await getJob(harness)).status ?? {};
    await harness.client.patch(jobs, KEY, 'merge', { spec: { suspend: true } });
    await harness.settle();
    expect(await listPods(harness)).toEqual([]);
    expect(conditionsOf(await getJob(harness))).toEqual(['Suspended: JobSuspended']);
    await wait(1000_000);
    expect(conditionsOf(await getJob(harness))).toEqual(['Suspended: JobSuspended']);
    await harness.client.patch(jobs, KEY, 'merge', { spec: { suspend: false } });
    await harness.settle();
    const job = await getJob(harness);
    expect(conditionsOf(job)).toEqual([]);
    expect(job.status?.startTime).not.toBe(startTime);
    expect(job.status?.failed).toBeUndefined();
    expect(await livePods(harness)).toHaveLength(2);
    expect(harness.events.told).toContain('Normal Suspended Job suspended');
    expect(harness.events.told).toContain('Normal Resumed Job resumed');
  });

  it('of another manager is left alone', async () => {
    await start({ completions: 1, managedBy: 'kueue.x-k8s.io/multikueue' });
    expect(await listPods(harness)).toEqual([]);
    expect((await getJob(harness)).status).toBeUndefined();
  });

  it('that is deleted lets its pods go', async () => {
    await start({ completions: 2, parallelism: 2 });
    await harness.client.delete(jobs, KEY, { propagationPolicy: 'Background' });
    await harness.settle();
    expect((await listPods(harness)).map((pod) => pod.metadata.finalizers ?? [])).toEqual([[], []]);
  });

  it('releases pods that it no longer selects, and replaces them', async () => {
    await start({ completions: 1 });
    const name = (await first())?.metadata.name ?? '';
    await harness.client.patch(pods, { namespace: 'default', name }, 'merge', {
      metadata: { labels: { job: null } },
    });
    await harness.settle();
    const released = await harness.client.get(pods, { namespace: 'default', name });
    expect(released.metadata.ownerReferences ?? []).toEqual([]);
    expect(released.metadata.finalizers ?? []).toEqual([]);
    expect(await livePods(harness)).toHaveLength(2);
    expect((await getJob(harness)).status).toMatchObject({ active: 1 });
  });

  it('that is made again under its name begins without a past', async () => {
    await start({ completions: 1 });
    await end(await first(), 1);
    await harness.client.delete(jobs, KEY, { propagationPolicy: 'Background' });
    await start({ completions: 1 });
    expect(await livePods(harness)).toHaveLength(1);
  });

  it('adopts pods that it selects, with the finalizer', async () => {
    await harness.client.create(pods, {
      metadata: { name: 'stray', namespace: 'default', labels: { job: 'pi' } },
      spec: { containers: [] },
    });
    await start({ completions: 1 });
    const [pod] = await listPods(harness);
    expect(pod?.metadata).toMatchObject({
      name: 'stray',
      finalizers: ['batch.kubernetes.io/job-tracking'],
      ownerReferences: [{ kind: 'Job', name: 'pi' }],
    });
    expect(await listPods(harness)).toHaveLength(1);
  });
});

describe('an Indexed Job', () => {
  it('gives each pod its index, and completes when all have succeeded', async () => {
    await start({ completions: 3, parallelism: 3, completionMode: 'Indexed' });
    const made = await livePods(harness);
    expect(made.map(indexOf).sort()).toEqual([0, 1, 2]);
    const [pod] = made.filter((one) => indexOf(one) === 1);
    expect(pod?.metadata.name).toMatch(/^pi-1-/);
    expect(pod?.metadata.labels?.['batch.kubernetes.io/job-completion-index']).toBe('1');
    expect(pod?.spec.hostname).toBe('pi-1');
    expect(pod?.spec.containers[0]?.env).toEqual([
      {
        name: 'JOB_COMPLETION_INDEX',
        valueFrom: { fieldRef: { fieldPath: "metadata.labels['batch.kubernetes.io/job-completion-index']" } },
      },
    ]);
    for (const one of made.filter((each) => indexOf(each) !== 1)) await end(one, 0);
    expect((await getJob(harness)).status).toMatchObject({ completedIndexes: '0,2', succeeded: 2 });
    await end(pod, 0);
    expect((await getJob(harness)).status).toMatchObject({ completedIndexes: '0-2', succeeded: 3 });
    expect(conditionsOf(await getJob(harness))).toContain('Complete: CompletionsReached');
  });

  it('has back-off limits per index', async () => {
    await start({ completions: 2, parallelism: 2, completionMode: 'Indexed', backoffLimitPerIndex: 1 });
    const at = async (index: number) => (await livePods(harness)).find((pod) => indexOf(pod) === index);
    await end(await at(0), 1);
    expect(await at(0)).toBeUndefined();
    await wait(10_000);
    expect((await at(0))?.metadata.annotations?.['batch.kubernetes.io/job-index-failure-count']).toBe('1');
    await end(await at(0), 1);
    expect((await getJob(harness)).status).toMatchObject({ failedIndexes: '0', failed: 2 });
    await wait(60_000);
    expect(await at(0)).toBeUndefined();
    await end(await at(1), 0);
    const job = await getJob(harness);
    expect(conditionsOf(job)).toEqual(['FailureTarget: FailedIndexes', 'Failed: FailedIndexes']);
    expect(job.status).toMatchObject({ failedIndexes: '0', completedIndexes: '1', failed: 2, succeeded: 1 });
  });

  it('fails with more failed indexes than it may have', async () => {
    await start({
      completions: 3,
      parallelism: 3,
      completionMode: 'Indexed',
      backoffLimitPerIndex: 0,
      maxFailedIndexes: 0,
    });
    await end(await first(), 1);
    expect(conditionsOf(await getJob(harness))).toContain('Failed: MaxFailedIndexesExceeded');
    expect(await livePods(harness)).toEqual([]);
  });

  it('ends early by its success policy; the others are not failures', async () => {
    await start({
      completions: 3,
      parallelism: 3,
      completionMode: 'Indexed',
      successPolicy: { rules: [{ succeededIndexes: '0' }] },
    });
    await end(
      (await livePods(harness)).find((pod) => indexOf(pod) === 0),
      0,
    );
    const job = await getJob(harness);
    expect(conditionsOf(job)).toEqual(['SuccessCriteriaMet: SuccessPolicy', 'Complete: SuccessPolicy']);
    expect(job.status).toMatchObject({ succeeded: 1, completedIndexes: '0' });
    expect(job.status?.failed).toBeUndefined();
    expect(job.status?.conditions?.at(-1)?.message).toBe('Matched rules at index 0');
  });

  it('grows and shrinks with its completions', async () => {
    await start({ completions: 2, parallelism: 2, completionMode: 'Indexed' });
    await harness.client.patch(jobs, KEY, 'merge', { spec: { completions: 4, parallelism: 4 } });
    await harness.settle();
    expect((await livePods(harness)).map(indexOf).sort()).toEqual([0, 1, 2, 3]);
    await harness.client.patch(jobs, KEY, 'merge', { spec: { completions: 1, parallelism: 1 } });
    await harness.settle();
    expect((await livePods(harness)).map(indexOf)).toEqual([0]);
  });
});

describe('a pod failure policy', () => {
  const rule = (action: string) => ({
    completions: 1,
    backoffLimit: 0,
    podFailurePolicy: { rules: [{ action, onExitCodes: { operator: 'In', values: [42] } }] },
  });

  it('fails the Job at once', async () => {
    await start({ ...rule('FailJob'), backoffLimit: 6 });
    const pod = await first();
    await end(pod, 42);
    const job = await getJob(harness);
    expect(conditionsOf(job)).toEqual(['FailureTarget: PodFailurePolicy', 'Failed: PodFailurePolicy']);
    expect(job.status?.conditions?.at(-1)?.message).toBe(
      `Container main for pod default/${pod?.metadata.name} failed with exit code 42 matching FailJob rule at index 0`,
    );
  });

  it('ignores a failure, which is replaced and not counted', async () => {
    await start(rule('Ignore'));
    await end(await first(), 42);
    await wait(10_000);
    expect(await livePods(harness)).toHaveLength(1);
    expect((await getJob(harness)).status?.failed).toBeUndefined();
    await end(await first(), 1);
    expect(conditionsOf(await getJob(harness))).toContain('Failed: BackoffLimitExceeded');
  });

  it('counts as usual', async () => {
    await start(rule('Count'));
    await end(await first(), 42);
    expect(conditionsOf(await getJob(harness))).toContain('Failed: BackoffLimitExceeded');
  });

  it('gives an index up', async () => {
    await start({
      completions: 2,
      parallelism: 2,
      completionMode: 'Indexed',
      backoffLimitPerIndex: 5,
      podFailurePolicy: {
        rules: [{ action: 'FailIndex', onPodConditions: [{ type: 'Cursed', status: 'True' }] }],
      },
    });
    const pod = await first();
    if (!pod) throw new Error('no pod');
    await endPod(harness, pod, 1, [{ type: 'Cursed', status: 'True' }]);
    await harness.settle();
    expect((await getJob(harness)).status?.failedIndexes).toBe(String(indexOf(pod)));
  });

  it('waits for the end of a deleted pod before it makes another', async () => {
    await start(rule('Ignore'));
    const name = (await first())?.metadata.name ?? '';
    const key = { namespace: 'default', name };
    await harness.client.post(pods, key, 'binding', { target: { name: 'a' } });
    await harness.client.delete(pods, key);
    await wait(60_000);
    expect(await livePods(harness)).toEqual([]);
    await endPod(harness, await harness.client.get(pods, key), 42);
    await wait(20_000);
    expect(await livePods(harness)).toHaveLength(1);
  });
});
