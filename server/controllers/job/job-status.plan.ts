import { timestamp } from '#proto/meta/timestamp.ts';
import type { JobCondition, JobStatus } from '#proto/schema/generated/batch-v1.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import type { EventWords } from '#server/client/event-words.ts';
import { judgeFailure } from '#server/controllers/job/failure-policy.plan.ts';
import { Indexes } from '#server/controllers/job/indexes.plan.ts';
import {
  completed,
  failed,
  resumed,
  suspended,
  tooManySucceeded,
} from '#server/controllers/job/job.events.ts';
import { newCondition, withCondition } from '#server/controllers/job/job-conditions.ts';
import type { JobFacts } from '#server/controllers/job/job-facts.plan.ts';
import { isCountable, isPodFailed, isSuspended } from '#server/controllers/job/job-facts.plan.ts';
import { completionIndex, isIndexed } from '#server/controllers/job/job-pod.plan.ts';
import { omitEmpty } from '#server/controllers/json.ts';
import { isPodReady } from '#server/controllers/pod-state.ts';
import { timeOf } from '#server/controllers/timestamps.ts';

/** So many uids are in status at most, so that it stays small: the next pass takes the rest. */
const MAX_UNCOUNTED = 500;

/** What became of the pods' plan. */
export interface PodsOutcome {
  readonly created: number;
  readonly deleted: readonly Pod[];
  /** False: the cache lags behind, or a call failed; nothing final is decided then. */
  readonly settled: boolean;
}

export interface JobStatusPlan {
  readonly status: JobStatus;
  /** Pods that lose the finalizer, after the status is written. */
  readonly release: readonly Pod[];
  /** Told after the status is written. */
  readonly events: readonly EventWords[];
  readonly requeueAfterMs: number | undefined;
}

/**
 * The status that facts and outcome amount to. A pod that has ended is counted in two steps, so that a crash in
 * between neither loses nor repeats it: its uid is written to `uncountedTerminatedPods`, then it loses the
 * finalizer, and when it is seen without, the uid becomes one of a number. Succeeded indexes need no uid: a set
 * can't count twice. Rule: upstream's `trackJobStatusAndRemoveFinalizers`.
 */
export function planJobStatus(facts: JobFacts, outcome: PodsOutcome): JobStatusPlan {
  const { job, now, startTime } = facts;
  const gone = new Set(outcome.deleted);
  const active = facts.active.filter((pod) => !gone.has(pod));
  const activeCount = active.length + outcome.created;
  const terminating = facts.terminating.length + gone.size;
  const ending = outcome.settled ? (facts.ending ?? completion(facts, activeCount)) : undefined;
  const tally = countEnded(facts, ending);

  let conditions = [...(job.status?.conditions ?? [])];
  const events: EventWords[] = [];
  const add = (condition: JobCondition): boolean => {
    const next = withCondition(conditions, condition);
    if (next === conditions) return false;
    conditions = [...next];
    return true;
  };
  let completionTime = job.status?.completionTime;
  if (ending) {
    add(ending);
    const open = tally.succeeded.length + tally.failed.length + tally.release.length;
    if (open === 0 && terminating === 0 && activeCount === 0) {
      const final = finalCondition(ending, now);
      add(final);
      if (final.type === 'Complete') completionTime = timestamp(now);
      events.push(...finalEvents(facts, final));
    }
  } else if (outcome.settled && !job.metadata.deletionTimestamp) {
    if (isSuspended(job)) {
      if (add(newCondition('Suspended', 'True', 'JobSuspended', 'Job suspended', now)))
        events.push(suspended);
    } else if (add(newCondition('Suspended', 'False', 'JobResumed', 'Job resumed', now)))
      events.push(resumed);
  }

  const status: JobStatus = {
    ...omitEmpty<JobStatus>({
      conditions,
      startTime,
      completionTime,
      active: activeCount,
      succeeded: isIndexed(job) ? tally.indexes.size : facts.counted.succeeded,
      failed: facts.counted.failed,
      completedIndexes: isIndexed(job) ? tally.indexes.toString() : undefined,
    }),
    ...(facts.failedIndexes ? { failedIndexes: facts.failedIndexes.toString() } : {}),
    ready: active.filter(isPodReady).length,
    terminating,
    uncountedTerminatedPods: omitEmpty({ succeeded: [...tally.succeeded], failed: [...tally.failed] }),
  };
  return { status, release: tally.release, events, requeueAfterMs: deadlineLeft(facts, ending) };
}

/** The number of completions is reached, or a work queue is empty. */
function completion({ job, now, succeeded }: JobFacts, active: number): JobCondition | undefined {
  const { completions } = job.spec;
  const reached = completions === undefined ? succeeded > 0 : succeeded >= completions;
  if (!reached || active > 0) return undefined;
  const message = 'Reached expected number of succeeded pods';
  return newCondition('SuccessCriteriaMet', 'True', 'CompletionsReached', message, now);
}

interface Tally {
  readonly succeeded: readonly string[];
  readonly failed: readonly string[];
  readonly indexes: Indexes;
  readonly release: readonly Pod[];
}

function countEnded(facts: JobFacts, ending: JobCondition | undefined): Tally {
  const { job, uncounted } = facts;
  const succeeded = [...uncounted.succeeded];
  const failedUids = [...uncounted.failed];
  const newIndexes = new Set<number>();
  const release: Pod[] = [];
  // The Job is over, and not by success: what has not ended, has failed.
  const allFailed = ending?.type === 'FailureTarget';
  for (const pod of facts.tracked) {
    const isFailed = isPodFailed(pod, job);
    if (!canRelease(facts, pod, isFailed, ending)) continue;
    release.push(pod);
    const uid = pod.metadata.uid ?? '';
    if (uncounted.failed.includes(uid) || uncounted.succeeded.includes(uid) || !isCountable(pod, job))
      continue;
    if (pod.status?.phase === 'Succeeded') {
      if (isIndexed(job)) newIndexes.add(completionIndex(pod) ?? 0);
      else succeeded.push(uid);
    } else if ((isFailed || allFailed) && judgeFailure(job.spec.podFailurePolicy, pod).counted) {
      failedUids.push(uid);
    }
    if (succeeded.length + failedUids.length + newIndexes.size >= MAX_UNCOUNTED) break;
  }
  const indexes = facts.recordedIndexes.union(Indexes.of(newIndexes));
  return { succeeded, failed: failedUids, indexes, release };
}

function canRelease(
  { job, delayed }: JobFacts,
  pod: Pod,
  isFailed: boolean,
  ending: JobCondition | undefined,
): boolean {
  if (job.metadata.deletionTimestamp || ending || pod.status?.phase === 'Succeeded') return true;
  return isFailed && delayed.get(completionIndex(pod) ?? -1) !== pod;
}

const finalCondition = ({ type, reason = '', message = '' }: JobCondition, now: number): JobCondition =>
  newCondition(type === 'SuccessCriteriaMet' ? 'Complete' : 'Failed', 'True', reason, message, now);

function finalEvents({ job, succeeded }: JobFacts, final: JobCondition): EventWords[] {
  if (final.type === 'Failed') return [failed(final)];
  const { completions } = job.spec;
  return completions !== undefined && succeeded > completions ? [tooManySucceeded, completed] : [completed];
}

/** When the deadline comes nobody else will say so. */
function deadlineLeft(
  { job, now, skippedMs, startTime }: JobFacts,
  ending: JobCondition | undefined,
): number | undefined {
  const { activeDeadlineSeconds: deadline } = job.spec;
  if (deadline === undefined || !startTime || isSuspended(job) || ending) return undefined;
  return Math.max(0, timeOf(startTime) + skippedMs + deadline * 1000 - now);
}
