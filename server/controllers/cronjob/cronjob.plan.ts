import { timestamp } from '#proto/meta/timestamp.ts';
import type { CronJob, CronJobStatus, Job } from '#proto/schema/generated/batch-v1.ts';
import type { OwnerReference } from '#proto/schema/generated/meta-v1.ts';
import type { EventWords } from '#server/client/event-words.ts';
import {
  invalidSchedule,
  jobAlreadyActive,
  missedSchedule,
  sawCompletedJob,
  tooManyMissed,
} from '#server/controllers/cronjob/cronjob.events.ts';
import { finishedCondition, isJobFinished, isJobSucceeded } from '#server/controllers/job/job-conditions.ts';
import { timeOf } from '#server/controllers/timestamps.ts';

const SCHEDULED_AT = 'batch.kubernetes.io/cronjob-scheduled-timestamp';
/** A little late rather than early: timers and clocks do not agree to the millisecond. */
const DELTA_MS = 100;
/** A clock that jumps forward, as a board's does when it first hears the time, is noticed after this long. */
const LONGEST_WAIT_MS = 60_000;
const MANY = 100;

/** The part of a schedule that decisions need. */
export interface Times {
  next(after: number): number | undefined;
  latest(since: number, now: number): number | undefined;
}

/**
 * The status after what the Jobs say: who has ended leaves the list of active ones. One that was started before a crash
 * or a lost answer kept the status from saying so comes into it, so that `Forbid` and `Replace` hold whatever goes
 * wrong; upstream forgets it. Jobs that people made of the CronJob do not count.
 */
export function planActive(
  cronJob: CronJob,
  jobs: readonly Job[],
): { readonly status: CronJobStatus; readonly events: readonly EventWords[] } {
  const status = { ...cronJob.status };
  const events: EventWords[] = [];
  for (const job of jobs) {
    if (!isJobFinished(job)) {
      const at = scheduledTime(cronJob, job);
      if (at !== undefined && !status.active?.some(({ uid }) => uid === job.metadata.uid))
        Object.assign(status, withStarted(status, job, at));
      continue;
    }
    if (status.active?.some(({ uid }) => uid === job.metadata.uid)) {
      status.active = status.active.filter(({ uid }) => uid !== job.metadata.uid);
      events.push(sawCompletedJob(job));
    }
    const { completionTime } = job.status ?? {};
    if (isJobSucceeded(job) && completionTime && timeOf(completionTime) > timeOf(status.lastSuccessfulTime)) {
      status.lastSuccessfulTime = completionTime;
    }
  }
  return { status, events };
}

export type CronAction =
  | { readonly type: 'wait'; readonly ms: number | undefined; readonly events: readonly EventWords[] }
  | {
      readonly type: 'start';
      readonly at: number;
      /** Running Jobs make room first. */
      readonly replace: boolean;
      readonly nextMs: number | undefined;
      readonly events: readonly EventWords[];
    };

export interface CronInput {
  readonly cronJob: CronJob;
  /** As `planActive` left it. */
  readonly status: CronJobStatus;
  readonly times: Times;
  /** When the schedule was last changed, as far as anybody remembers: times before do not count as missed. */
  readonly changedAt: number;
  readonly now: number;
}

/** Whether a Job is due. Of all times that were missed the latest alone counts. Rule: upstream's `syncCronJob`. */
export function planStart({ cronJob, status, times, changedAt, now }: CronInput): CronAction {
  const { spec, metadata } = cronJob;
  const deadlineMs =
    spec.startingDeadlineSeconds === undefined ? undefined : spec.startingDeadlineSeconds * 1000;
  const began = Math.max(timeOf(status.lastScheduleTime ?? metadata.creationTimestamp), changedAt);
  const since = deadlineMs === undefined ? began : Math.max(began, now - deadlineMs);
  const first = times.next(since);
  const second = first === undefined ? undefined : times.next(first);
  if (first === undefined || second === undefined) {
    return { type: 'wait', ms: undefined, events: [invalidSchedule(spec.schedule)] };
  }
  const latest = times.latest(began, now);
  const following = times.next(latest !== undefined && latest > began ? latest : began);
  const nextMs = following === undefined ? undefined : Math.max(0, following - now) + DELTA_MS;
  const events: EventWords[] = [];
  const wait = (ms: number | undefined): CronAction => ({ type: 'wait', ms, events });
  const idleMs = Math.min(nextMs ?? LONGEST_WAIT_MS, LONGEST_WAIT_MS);
  if (now < first) return wait(idleMs);
  const at = latest !== undefined && latest >= first ? latest : first;
  if ((now - first) / Math.max(1000, second - first) + 1 > MANY) events.push(tooManyMissed);
  if (deadlineMs !== undefined && at + deadlineMs < now) {
    events.push(missedSchedule(at));
    return wait(nextMs);
  }
  const active = status.active ?? [];
  const name = jobName(cronJob, at);
  if (active.some((job) => job.name === name) || timeOf(status.lastScheduleTime) === at) return wait(idleMs);
  if (spec.concurrencyPolicy === 'Forbid' && active.length > 0) {
    events.push(jobAlreadyActive);
    return wait(nextMs);
  }
  return { type: 'start', at, replace: spec.concurrencyPolicy === 'Replace', nextMs: idleMs, events };
}

/** When a Job was due that this controller made; undefined for all others. */
function scheduledTime({ metadata: { name = '' } }: CronJob, job: Job): number | undefined {
  const minute = job.metadata.name?.startsWith(`${name}-`) ? job.metadata.name.slice(name.length + 1) : '';
  const stamp = job.metadata.annotations?.[SCHEDULED_AT];
  return /^\d+$/.test(minute) && stamp !== undefined ? timeOf(stamp) : undefined;
}

/** One name a scheduled minute: that is the lock by which a Job is never made twice. */
const jobName = (cronJob: CronJob, at: number): string =>
  `${cronJob.metadata.name}-${Math.floor(at / 60_000)}`;

/** The Job for one time. `stamp` is that time in the CronJob's zone. */
export function jobFor(cronJob: CronJob, owner: OwnerReference, at: number, stamp: string): Job {
  const { metadata = {}, spec } = cronJob.spec.jobTemplate;
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: jobName(cronJob, at),
      namespace: cronJob.metadata.namespace,
      ...(metadata.labels ? { labels: metadata.labels } : {}),
      annotations: { ...metadata.annotations, [SCHEDULED_AT]: stamp },
      ownerReferences: [owner],
    },
    spec: spec ?? { template: {} },
  };
}

/** The status with this Job among the active ones. */
export const withStarted = (status: CronJobStatus, job: Job, at: number): CronJobStatus => ({
  ...status,
  active: [
    ...(status.active ?? []),
    {
      apiVersion: 'batch/v1',
      kind: 'Job',
      name: job.metadata.name,
      namespace: job.metadata.namespace,
      uid: job.metadata.uid,
      resourceVersion: job.metadata.resourceVersion,
    },
  ],
  lastScheduleTime: timestamp(Math.max(at, timeOf(status.lastScheduleTime))),
});

/** Finished Jobs beyond the limits of the history, oldest first. */
export function planHistory({ spec }: CronJob, jobs: readonly Job[]): Job[] {
  const surplus = (type: string, limit: number | undefined): Job[] => {
    if (limit === undefined) return [];
    const ended = jobs.filter((job) => finishedCondition(job)?.type === type).sort(byStart);
    return ended.slice(0, Math.max(0, ended.length - limit));
  };
  return [
    ...surplus('Complete', spec.successfulJobsHistoryLimit),
    ...surplus('Failed', spec.failedJobsHistoryLimit),
  ].filter((job) => !job.metadata.deletionTimestamp);
}

/** Jobs that never started come last. */
function byStart(a: Job, b: Job): number {
  const start = (job: Job): number => timeOf(job.status?.startTime) || Number.MAX_SAFE_INTEGER;
  return start(a) - start(b) || ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1);
}
