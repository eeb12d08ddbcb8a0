import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cronjobs } from '#proto/api/batch/cronjobs.ts';
import { jobs } from '#proto/api/batch/jobs.ts';
import { timestamp } from '#proto/meta/timestamp.ts';
import type { CronJobSpec, Job } from '#proto/schema/generated/batch-v1.ts';
import { createCronJobController } from '#server/controllers/cronjob/cronjob.controller.ts';
import type { Harness } from '#server/controllers/testing/harness.ts';
import { startHarness } from '#server/controllers/testing/harness.ts';

const KEY = { namespace: 'default', name: 'tide' };
const MINUTE = 60_000;

let harness: Harness;
beforeEach(async () => {
  harness = await startHarness([createCronJobController]);
});
afterEach(() => harness.stop());

async function start(spec: Partial<CronJobSpec> = {}): Promise<void> {
  await harness.client.create(cronjobs, {
    metadata: { ...KEY },
    spec: {
      schedule: '* * * * *',
      timeZone: 'Etc/UTC',
      concurrencyPolicy: 'Allow',
      suspend: false,
      successfulJobsHistoryLimit: 3,
      failedJobsHistoryLimit: 1,
      jobTemplate: { metadata: { labels: { app: 'tide' } }, spec: { template: {} } },
      ...spec,
    },
  });
  await harness.settle();
}

/** In steps, as time passes; `advance` at once would be a jump. */
async function pass(ms: number, step = 10_000): Promise<void> {
  for (let left = ms; left > 0; left -= step) {
    await harness.clock.advance(Math.min(step, left));
    await harness.settle();
  }
}

const list = async (): Promise<Job[]> => (await harness.client.list(jobs)).items;
const names = async (): Promise<(string | undefined)[]> => (await list()).map((job) => job.metadata.name);
const status = async () => (await harness.client.get(cronjobs, KEY)).status;
const patch = (spec: object) => harness.client.patch(cronjobs, KEY, 'merge', { spec });

async function finish(job: Job | undefined, type: 'Complete' | 'Failed'): Promise<void> {
  const time = timestamp(harness.clock.now());
  const conditions = [{ type, status: 'True', lastTransitionTime: time }];
  await harness.client.patch(
    jobs,
    { namespace: 'default', name: job?.metadata.name ?? '' },
    'merge',
    { status: { startTime: time, conditions, ...(type === 'Complete' ? { completionTime: time } : {}) } },
    { subresource: 'status' },
  );
  await harness.settle();
}

describe('a CronJob', () => {
  it('starts a Job each minute, named after it', async () => {
    await start();
    expect(await names()).toEqual([]);
    await pass(MINUTE + 100);
    const minute = Date.UTC(2026, 0, 1) / MINUTE + 1;
    const [job] = await list();
    expect(job?.metadata).toMatchObject({
      name: `tide-${minute}`,
      labels: { app: 'tide' },
      annotations: { 'batch.kubernetes.io/cronjob-scheduled-timestamp': '2026-01-01T00:01:00Z' },
      ownerReferences: [{ kind: 'CronJob', name: 'tide', controller: true }],
    });
    expect(await status()).toMatchObject({
      lastScheduleTime: '2026-01-01T00:01:00Z',
      active: [{ kind: 'Job', name: `tide-${minute}` }],
    });
    await finish(job, 'Complete');
    expect(await status()).toEqual({
      lastScheduleTime: '2026-01-01T00:01:00Z',
      lastSuccessfulTime: timestamp(harness.clock.now()),
    });
    await pass(MINUTE);
    expect(await list()).toHaveLength(2);
    expect(harness.events.told).toContain(`Normal SuccessfulCreate Created job tide-${minute}`);
    expect(harness.events.told).toContain(
      `Normal SawCompletedJob Saw completed job: tide-${minute}, condition: Complete`,
    );
  });

  it('keeps its zone', async () => {
    await start({ schedule: '30 9 * * *', timeZone: 'Asia/Tokyo' });
    await pass(31 * MINUTE, MINUTE);
    const [job] = await list();
    expect(job?.metadata.annotations).toEqual({
      'batch.kubernetes.io/cronjob-scheduled-timestamp': '2026-01-01T09:30:00+09:00',
    });
  });

  it('makes one Job after a clock jump, the latest, and says when it missed many', async () => {
    await start();
    await harness.clock.advance(MINUTE + 100);
    await harness.settle();
    const before = (await names()).length;
    // A board that slept for a day: one jump, no sleeper is woken between.
    const jump = 24 * 60 * MINUTE;
    const { clock } = harness;
    const real = clock.now.bind(clock);
    clock.now = () => real() + jump;
    await pass(MINUTE);
    const made = await names();
    expect(made.length - before).toBeLessThanOrEqual(2);
    expect(made.at(-1)).toBe(`tide-${Math.floor(clock.now() / MINUTE)}`);
    expect(harness.events.told).toContain(
      'Warning TooManyMissedTimes too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew',
    );
  });

  it('does not start what is beyond its deadline', async () => {
    await start({ schedule: '0 * * * *', startingDeadlineSeconds: 60, suspend: true });
    await pass(65 * MINUTE, MINUTE);
    await patch({ suspend: false });
    await harness.settle();
    expect(await names()).toEqual([]);
    await pass(55 * MINUTE + 100, MINUTE);
    expect(await names()).toHaveLength(1);
  });

  it('starts what it missed while suspended, once', async () => {
    await start({ schedule: '0 * * * *', suspend: true });
    await pass(125 * MINUTE, MINUTE);
    expect(await names()).toEqual([]);
    await patch({ suspend: false });
    await harness.settle();
    expect((await status())?.lastScheduleTime).toBe('2026-01-01T02:00:00Z');
    expect(await names()).toHaveLength(1);
  });

  it('does not take times before a change of its schedule for missed', async () => {
    await start({ schedule: '0 12 * * *' });
    await pass(30 * MINUTE, MINUTE);
    await patch({ schedule: '15 * * * *' });
    await harness.settle();
    expect(await names()).toEqual([]);
    await pass(46 * MINUTE, MINUTE);
    expect((await status())?.lastScheduleTime).toBe('2026-01-01T01:15:00Z');
  });

  it('that forbids concurrency waits for the running Job', async () => {
    await start({ concurrencyPolicy: 'Forbid' });
    await pass(3 * MINUTE);
    expect(await names()).toHaveLength(1);
    expect(harness.events.told).toContain(
      'Normal JobAlreadyActive Not starting job because prior execution is running and concurrency policy is Forbid',
    );
    await finish((await list())[0], 'Complete');
    expect(await names()).toHaveLength(2);
  });

  it('that replaces deletes the running Job', async () => {
    await start({ concurrencyPolicy: 'Replace' });
    await pass(2 * MINUTE + 200);
    expect(await names()).toEqual([`tide-${Date.UTC(2026, 0, 1) / MINUTE + 2}`]);
    expect((await status())?.active).toHaveLength(1);
  });

  it('keeps its history short', async () => {
    await start({ successfulJobsHistoryLimit: 2, failedJobsHistoryLimit: 1 });
    for (const type of ['Complete', 'Failed', 'Complete', 'Failed', 'Complete'] as const) {
      await pass(MINUTE + 100);
      await finish((await list()).at(-1), type);
    }
    const left = (await list()).map((job) => job.status?.conditions?.[0]?.type);
    expect(left).toEqual(['Complete', 'Failed', 'Complete']);
  });

  it('forgets an active Job that went missing', async () => {
    await start();
    await pass(MINUTE + 100);
    const [name = ''] = await names();
    await harness.client.delete(jobs, { namespace: 'default', name });
    await harness.settle();
    expect((await status())?.active).toBeUndefined();
    expect(harness.events.told).toContain(`Normal MissingJob Active job went missing: ${name}`);
    expect(await names()).toEqual([]);
  });

  it('takes up a Job that a crash left out of its status', async () => {
    let fail = true;
    harness.client.onCall = ({ verb, resource }) => {
      if (fail && verb === 'update' && resource === 'cronjobs') throw new Error('power cut');
    };
    await start();
    await pass(MINUTE + 100);
    expect(await names()).toHaveLength(1);
    expect((await status())?.active).toBeUndefined();
    fail = false;
    await pass(5_000, 100);
    expect(await names()).toHaveLength(1);
    expect((await status())?.active).toHaveLength(1);
  });

  it('says when its schedule never comes', async () => {
    await start({ schedule: '0 0 31 2 *' });
    expect(harness.events.told).toEqual([
      'Warning InvalidSchedule invalid schedule: 0 0 31 2 * : time difference between two schedules is less than 1 second',
    ]);
  });

  it('does nothing in a second pass', async () => {
    await start();
    await pass(MINUTE + 100);
    const calls = harness.client.calls.length;
    await harness.clock.advance(50_000);
    await harness.settle();
    expect(harness.client.calls.slice(calls)).toEqual([]);
  });
});
