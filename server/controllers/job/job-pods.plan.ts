import type { Pod } from '#proto/schema/generated/core-v1.ts';
import { backoffLeftMs, finishedAt } from '#server/controllers/job/backoff.plan.ts';
import { Indexes } from '#server/controllers/job/indexes.plan.ts';
import type { JobFacts } from '#server/controllers/job/job-facts.plan.ts';
import { isSuspended, replacesOnlyFailed } from '#server/controllers/job/job-facts.plan.ts';
import {
  completionIndex,
  indexFailuresWithIgnored,
  isIndexed,
} from '#server/controllers/job/job-pod.plan.ts';
import { rankForDeletion } from '#server/controllers/replicaset/deletion-ranking.plan.ts';

/** At most this many pods are made or deleted in one go. */
const BURST = 500;

export type PodsAction =
  | { readonly type: 'none' }
  /** Failed pods are replaced after a while. */
  | { readonly type: 'wait'; readonly ms: number }
  /** One pod an entry, for that index; a Job without indexes has undefined ones. */
  | { readonly type: 'create'; readonly indexes: readonly (number | undefined)[] }
  /** `uncounted`: the pods are superfluous, so they lose the finalizer first and never count as failed. */
  | { readonly type: 'delete'; readonly pods: readonly Pod[]; readonly uncounted: boolean };

/** What brings the Job's active pods to what is wanted. Rule: upstream's `manageJob`. */
export function planPods(facts: JobFacts): PodsAction {
  const { job, active } = facts;
  if (facts.ending) {
    return active.length > 0 ? { type: 'delete', pods: active, uncounted: false } : { type: 'none' };
  }
  if (job.metadata.deletionTimestamp) return { type: 'none' };
  const wanted = isSuspended(job) ? 0 : wantedActive(facts);
  const surplus = superfluous(facts, Math.max(0, active.length - wanted));
  if (surplus.length > 0) return { type: 'delete', pods: surplus.slice(0, BURST), uncounted: true };
  const replacing = replacesOnlyFailed(job) ? facts.terminating.length : 0;
  const missing = Math.min(wanted - replacing - active.length, BURST);
  return missing > 0 ? planCreation(facts, missing) : { type: 'none' };
}

function wantedActive({ job, active, succeeded }: JobFacts): number {
  const { completions, parallelism = 1 } = job.spec;
  // A work queue: after the first success nobody new starts, and the others finish.
  if (completions === undefined) return succeeded > 0 ? active.length : parallelism;
  return Math.max(0, Math.min(parallelism, completions - succeeded));
}

/** Pods without a use: of no index, of an index that another pod has, and what is too many then. */
function superfluous({ job, active, now }: JobFacts, atLeast: number): Pod[] {
  const ranked = rankForDeletion(active, active, now);
  const doomed: Pod[] = [];
  let left = ranked;
  if (isIndexed(job)) {
    const best = new Map<number, Pod>();
    for (const pod of ranked) {
      const index = completionIndex(pod);
      if (index !== undefined && index < (job.spec.completions ?? 0)) best.set(index, pod);
    }
    left = [];
    for (const pod of ranked) {
      const kept = best.get(completionIndex(pod) ?? -1) === pod;
      (kept ? left : doomed).push(pod);
    }
  }
  return [...doomed, ...left.slice(0, Math.max(0, atLeast - doomed.length))];
}

function planCreation(facts: JobFacts, missing: number): PodsAction {
  const { job, now, delayed, failedIndexes } = facts;
  if (!failedIndexes) {
    const ms = backoffLeftMs(facts.backoff, now);
    if (ms > 0) return { type: 'wait', ms };
  }
  if (!isIndexed(job)) return { type: 'create', indexes: Array.from({ length: missing }, () => undefined) };
  const pending = pendingIndexes(facts, missing);
  if (pending.length === 0) return { type: 'none' };
  if (!failedIndexes) return { type: 'create', indexes: pending };
  const waits = new Map(pending.map((index) => [index, waitOf(delayed.get(index), now)]));
  const due = pending.filter((index) => waits.get(index) === 0);
  if (due.length > 0) return { type: 'create', indexes: due };
  return { type: 'wait', ms: Math.min(...waits.values()) };
}

function waitOf(failed: Pod | undefined, now: number): number {
  if (!failed) return 0;
  const failures = indexFailuresWithIgnored(failed) + 1;
  return backoffLeftMs({ failures, lastFailure: finishedAt(failed) }, now);
}

function pendingIndexes(facts: JobFacts, count: number): number[] {
  const { job, active, terminating, succeededIndexes, failedIndexes } = facts;
  const busy = replacesOnlyFailed(job) ? [...active, ...terminating] : active;
  const taken = Indexes.of(busy.map(completionIndex).filter((index) => index !== undefined));
  const settled = succeededIndexes.union(taken).union(failedIndexes ?? new Indexes());
  return settled.firstMissing(count, job.spec.completions ?? 0);
}
