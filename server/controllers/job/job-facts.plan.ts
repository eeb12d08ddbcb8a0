import { timestamp } from '#proto/meta/timestamp.ts';
import type { Job, JobCondition } from '#proto/schema/generated/batch-v1.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import type { BackoffRecord } from '#server/controllers/job/backoff.plan.ts';
import { finishedAt, recordEnded } from '#server/controllers/job/backoff.plan.ts';
import { judgeFailure } from '#server/controllers/job/failure-policy.plan.ts';
import { Indexes } from '#server/controllers/job/indexes.plan.ts';
import { newCondition, trueCondition } from '#server/controllers/job/job-conditions.ts';
import {
  completionIndex,
  indexFailures,
  indexFailuresWithIgnored,
  isIndexed,
  isTracked,
} from '#server/controllers/job/job-pod.plan.ts';
import { metSuccessPolicy } from '#server/controllers/job/success-policy.plan.ts';
import { isPodActive, isPodTerminal } from '#server/controllers/pod-state.ts';
import { timeOf } from '#server/controllers/timestamps.ts';

export interface JobInput {
  readonly job: Job;
  /** All pods that the Job manages. */
  readonly pods: readonly Pod[];
  /** Uids of pods whose finalizer is gone already, though the cache still shows it. */
  readonly released: ReadonlySet<string>;
  readonly backoff: BackoffRecord;
  readonly now: number;
  /** What the server's clock has skipped since the Job began, because it was set: it does not count towards the deadline. */
  readonly skippedMs?: number;
}

/** What a Job and its pods amount to, before anything is done about it. */
export interface JobFacts {
  readonly job: Job;
  readonly now: number;
  readonly skippedMs: number;
  readonly active: readonly Pod[];
  readonly terminating: readonly Pod[];
  /** Pods that hold the finalizer: not counted yet, or counted and about to be let go. */
  readonly tracked: readonly Pod[];
  /** In status as final numbers; `uncounted` ones wait for their finalizer to go. */
  readonly counted: { readonly succeeded: number; readonly failed: number };
  readonly uncounted: { readonly succeeded: readonly string[]; readonly failed: readonly string[] };
  /** All that ended, counted or not. */
  readonly succeeded: number;
  /** Indexes that the status has already. */
  readonly recordedIndexes: Indexes;
  readonly succeededIndexes: Indexes;
  /** Where indexes have back-off limits of their own. */
  readonly failedIndexes: Indexes | undefined;
  /** The last failed pod of an index that is to be tried again: it stays until its successor is there. */
  readonly delayed: ReadonlyMap<number, Pod>;
  readonly backoff: BackoffRecord;
  readonly startTime: string | undefined;
  /** Why the Job is about to end: SuccessCriteriaMet or FailureTarget. */
  readonly ending: JobCondition | undefined;
}

export const isSuspended = ({ spec }: Job): boolean => spec.suspend === true;

/** A failure policy looks at pods that have ended, so it implies this. */
export const replacesOnlyFailed = ({ spec }: Job): boolean =>
  spec.podReplacementPolicy === 'Failed' || spec.podFailurePolicy !== undefined;

/** Deleted pods count as failed, since some never get the chance to say so. */
export const isPodFailed = (pod: Pod, job: Job): boolean =>
  pod.status?.phase === 'Failed' ||
  (!replacesOnlyFailed(job) &&
    pod.metadata.deletionTimestamp !== undefined &&
    pod.status?.phase !== 'Succeeded');

/** False for pods of an Indexed Job that have no index, or one that the Job no longer has. */
export const isCountable = (pod: Pod, job: Job): boolean =>
  !isIndexed(job) || (completionIndex(pod) ?? Number.POSITIVE_INFINITY) < (job.spec.completions ?? 0);

/** Rule: upstream's `syncJob`, up to the point where it acts. */
export function observeJob({ job, pods, released, backoff, now, skippedMs = 0 }: JobInput): JobFacts {
  const { spec, status = {} } = job;
  const tracked = pods.filter((pod) => isTracked(pod) && !released.has(pod.metadata.uid ?? ''));
  const held = new Set(tracked.map((pod) => pod.metadata.uid ?? ''));
  const { succeeded: oldSucceeded = [], failed: oldFailed = [] } = status.uncountedTerminatedPods ?? {};
  const uncounted = {
    succeeded: oldSucceeded.filter((uid) => held.has(uid)),
    failed: oldFailed.filter((uid) => held.has(uid)),
  };
  const counted = {
    succeeded: (status.succeeded ?? 0) + oldSucceeded.length - uncounted.succeeded.length,
    failed: (status.failed ?? 0) + oldFailed.length - uncounted.failed.length,
  };
  const countable = tracked.filter((pod) => isCountable(pod, job));
  const newlySucceeded = countable.filter(
    (pod) => pod.status?.phase === 'Succeeded' && !uncounted.succeeded.includes(pod.metadata.uid ?? ''),
  );
  const newlyFailed = countable.filter(
    (pod) => isPodFailed(pod, job) && !uncounted.failed.includes(pod.metadata.uid ?? ''),
  );
  const failed =
    counted.failed +
    uncounted.failed.length +
    newlyFailed.filter((pod) => judgeFailure(spec.podFailurePolicy, pod).counted).length;

  const completions = spec.completions ?? 0;
  const indexed = isIndexed(job);
  const recordedIndexes = Indexes.parse(indexed ? status.completedIndexes : undefined, completions);
  const succeededIndexes = indexed ? recordedIndexes.union(indexesOf(newlySucceeded)) : recordedIndexes;
  const perIndex = indexed && spec.backoffLimitPerIndex !== undefined;
  const failedIndexes = perIndex
    ? Indexes.parse(status.failedIndexes, completions).union(
        indexesOf(countable.filter((pod) => isIndexFailed(job, pod))),
      )
    : undefined;
  const active = pods.filter(isPodActive);
  const facts = {
    job,
    now,
    skippedMs,
    active,
    terminating: pods.filter((pod) => pod.metadata.deletionTimestamp && !isPodTerminal(pod)),
    tracked,
    counted,
    uncounted,
    succeeded: indexed
      ? succeededIndexes.size
      : counted.succeeded + uncounted.succeeded.length + newlySucceeded.length,
    recordedIndexes,
    succeededIndexes,
    failedIndexes,
    delayed: perIndex
      ? lastFailed(newlyFailed, [succeededIndexes, failedIndexes ?? new Indexes(), indexesOf(active)])
      : new Map<number, Pod>(),
    backoff: recordEnded(backoff, newlySucceeded, newlyFailed),
    startTime: startTimeOf(job, now),
  };
  return { ...facts, ending: endingOf(facts, failed, pods) };
}

/** A resumed Job starts anew: the time it was suspended does not count. */
function startTimeOf(job: Job, now: number): string | undefined {
  if (isSuspended(job)) return job.status?.startTime;
  return trueCondition(job, 'Suspended') ? timestamp(now) : (job.status?.startTime ?? timestamp(now));
}

const indexesOf = (pods: readonly Pod[]): Indexes =>
  Indexes.of(pods.map(completionIndex).filter((index) => index !== undefined));

function isIndexFailed(job: Job, pod: Pod): boolean {
  if (!isPodFailed(pod, job)) return false;
  const { action, counted } = judgeFailure(job.spec.podFailurePolicy, pod);
  return action === 'FailIndex' || (counted && indexFailures(pod) >= (job.spec.backoffLimitPerIndex ?? 0));
}

function lastFailed(failed: readonly Pod[], settled: readonly Indexes[]): Map<number, Pod> {
  const last = new Map<number, Pod>();
  for (const pod of failed) {
    const index = completionIndex(pod);
    if (index === undefined || settled.some((indexes) => indexes.has(index))) continue;
    const other = last.get(index);
    const newer =
      !other ||
      (indexFailuresWithIgnored(other) <= indexFailuresWithIgnored(pod) &&
        finishedAt(other) <= finishedAt(pod));
    if (newer) last.set(index, pod);
  }
  return last;
}

function endingOf(
  facts: Omit<JobFacts, 'ending'>,
  failed: number,
  pods: readonly Pod[],
): JobCondition | undefined {
  const { job, now, skippedMs, startTime, succeededIndexes, failedIndexes } = facts;
  const { spec } = job;
  const decided = trueCondition(job, 'SuccessCriteriaMet') ?? trueCondition(job, 'FailureTarget');
  if (decided) return decided;
  const fail = (reason: string, message: string): JobCondition =>
    newCondition('FailureTarget', 'True', reason, message, now);
  if (spec.podFailurePolicy) {
    for (const pod of pods) {
      if (!isPodFailed(pod, job)) continue;
      const { message } = judgeFailure(spec.podFailurePolicy, pod);
      if (message !== undefined) return fail('PodFailurePolicy', message);
    }
  }
  if (failed > (spec.backoffLimit ?? 6) || hasRestartedTooOften(job, pods)) {
    return fail('BackoffLimitExceeded', 'Job has reached the specified backoff limit');
  }
  const { activeDeadlineSeconds: deadline, maxFailedIndexes, completions = 0 } = spec;
  if (deadline !== undefined && !isSuspended(job) && now - skippedMs - timeOf(startTime) >= deadline * 1000) {
    return fail('DeadlineExceeded', 'Job was active longer than specified deadline');
  }
  if (failedIndexes && failedIndexes.size > 0) {
    if (maxFailedIndexes !== undefined && failedIndexes.size > maxFailedIndexes) {
      const message = 'Job has exceeded the specified maximal number of failed indexes';
      return fail('MaxFailedIndexesExceeded', message);
    }
    if (failedIndexes.size + succeededIndexes.size >= completions) {
      return fail('FailedIndexes', 'Job has failed indexes');
    }
  }
  const met = metSuccessPolicy(spec.successPolicy, completions, succeededIndexes);
  return met === undefined
    ? undefined
    : newCondition('SuccessCriteriaMet', 'True', 'SuccessPolicy', met, now);
}

/** Pods that restart in place count by their restarts. */
function hasRestartedTooOften({ spec }: Job, pods: readonly Pod[]): boolean {
  if (spec.template.spec?.restartPolicy !== 'OnFailure') return false;
  let restarts = 0;
  for (const { status } of pods) {
    if (status?.phase !== 'Running' && status?.phase !== 'Pending') continue;
    for (const { restartCount } of status.initContainerStatuses ?? []) restarts += restartCount;
    for (const { restartCount } of status.containerStatuses ?? []) restarts += restartCount;
  }
  const limit = spec.backoffLimit ?? 6;
  return limit === 0 ? restarts > 0 : restarts >= limit;
}
