import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { cronjobs } from '#proto/api/batch/cronjobs.ts';
import { jobs } from '#proto/api/batch/jobs.ts';
import { FakeClock } from '#proto/meta/clock.ts';
import { silent } from '#proto/meta/log.ts';
import { timestamp } from '#proto/meta/timestamp.ts';
import type { Job } from '#proto/schema/generated/batch-v1.ts';
import { RecordedEvents } from '#server/client/events.ts';
import { InformerFactory } from '#server/client/informer-factory.ts';
import { createCronJobController } from '#server/controllers/cronjob/cronjob.controller.ts';
import { isJobFinished } from '#server/controllers/job/job-conditions.ts';
import { FlakyClient } from '#server/controllers/testing/flaky-client.ts';
import { LaggingClient } from '#server/controllers/testing/lagging-client.ts';
import { seeded } from '#server/controllers/testing/random.ts';

const SEEDS = [1, 7, 42, 1871, 20260101, 987654321];
const KEY = { namespace: 'default', name: 'tick' };
const MINUTE_MS = 60_000;

/** A CronJob of every minute, on a clock that jumps, with Jobs that end when they like and writes that fail. */
async function live(seed: number, concurrencyPolicy: string, check: (running: readonly Job[]) => void) {
  const rng = seeded(seed);
  const clock = new FakeClock();
  const client = new LaggingClient(() => clock.now(), rng);
  const flaky = new FlakyClient(client, rng);
  const start = async (api: FlakyClient | LaggingClient, signal: AbortSignal): Promise<void> => {
    const informers = new InformerFactory({ client: api, clock, log: silent, rng });
    const recorderFor = () => new RecordedEvents();
    const controller = createCronJobController({
      client: api,
      informers,
      clock,
      log: silent,
      rng,
      recorderFor,
    });
    informers.start(signal);
    await informers.whenSynced();
    controller.start(signal);
  };
  const settle = async (): Promise<void> => {
    for (let quiet = 0; quiet < 20; ) {
      const calls = client.calls.length;
      await turn();
      quiet = client.calls.length === calls ? quiet + 1 : 0;
    }
  };
  const all = async (): Promise<Job[]> => (await client.list(jobs)).items;
  const finish = async (): Promise<void> => {
    const open = (await all()).filter((job) => !isJobFinished(job));
    const job = open[Math.floor(rng() * open.length)];
    if (!job) return;
    const time = timestamp(clock.now());
    const type = rng() < 0.7 ? 'Complete' : 'Failed';
    const conditions = [{ type, status: 'True', lastProbeTime: time, lastTransitionTime: time }];
    const status = { conditions, ...(type === 'Complete' ? { completionTime: time } : {}) };
    const { namespace, name = '' } = job.metadata;
    await client.patch(jobs, { namespace, name }, 'merge', { status }, { subresource: 'status' });
  };

  const stop = new AbortController();
  await client.create(cronjobs, {
    metadata: KEY,
    spec: {
      schedule: '* * * * *',
      concurrencyPolicy,
      successfulJobsHistoryLimit: 2,
      failedJobsHistoryLimit: 1,
      jobTemplate: { spec: { template: {} } },
    },
  });
  await start(flaky, stop.signal);
  for (let step = 0; step < 120; step += 1) {
    const luck = rng();
    if (luck < 0.35) await finish();
    else if (luck < 0.85) await clock.advance(Math.floor(rng() * 40_000));
    else if (luck < 0.9) await clock.advance(Math.floor(rng() * 200) * MINUTE_MS);
    else for (let i = Math.floor(rng() * 8); i > 0; i -= 1) await turn();
    if (rng() < 0.5) await settle();
    check((await all()).filter((job) => !isJobFinished(job) && !job.metadata.deletionTimestamp));
  }
  flaky.calm = true;
  await client.patch(cronjobs, KEY, 'merge', { spec: { suspend: true } });
  for (let i = 0; i < 30 || (await all()).some((job) => !isJobFinished(job)); i += 1) {
    if (i > 500) throw new Error('does not converge');
    await clock.advance(10_000);
    await finish();
    await settle();
  }
  const left = await all();
  const { status } = await client.get(cronjobs, KEY);
  stop.abort();

  const before = client.calls.length;
  const again = new AbortController();
  await start(client, again.signal);
  await settle();
  await clock.advance(2 * MINUTE_MS);
  await settle();
  again.abort();
  const writes = client.calls.slice(before).filter(({ verb }) => !['get', 'list', 'watch'].includes(verb));
  return { left, status, writes };
}

const limits: Readonly<Record<string, number>> = { Allow: Number.POSITIVE_INFINITY, Forbid: 1, Replace: 1 };

it.each(SEEDS.flatMap((seed) => Object.keys(limits).map((policy) => [policy, seed] as const)))(
  'starts one Job a time at most, and comes to rest: %s, seed %i',
  async (policy, seed) => {
    const { left, status, writes } = await live(seed, policy, (running) => {
      const minutes = running.map(({ metadata }) => metadata.name);
      expect(new Set(minutes).size).toBe(minutes.length);
      expect(running.length).toBeLessThanOrEqual(limits[policy] ?? 0);
    });
    const ended = (type: string): number =>
      left.filter((job) => job.status?.conditions?.some((one) => one.type === type)).length;
    expect(ended('Complete')).toBeLessThanOrEqual(2);
    expect(ended('Failed')).toBeLessThanOrEqual(1);
    expect(left.every(isJobFinished)).toBe(true);
    expect(status?.active ?? []).toEqual([]);
    expect(status?.lastScheduleTime).toBeDefined();
    expect(writes).toEqual([]);
  },
);
