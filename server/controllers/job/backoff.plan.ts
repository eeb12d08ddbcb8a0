import type { Pod } from '#proto/schema/generated/core-v1.ts';
import { podCondition } from '#server/controllers/pod-state.ts';
import { timeOf } from '#server/controllers/timestamps.ts';

const FIRST_MS = 10_000;
/** Where upstream's code stops doubling. */
const LONGEST_MS = 10 * 60_000;

/** How many pods of a Job have failed since the last one that succeeded. */
export interface BackoffRecord {
  readonly failures: number;
  readonly lastFailure: number;
}

export const NO_FAILURES: BackoffRecord = { failures: 0, lastFailure: 0 };

/** The record after these pods have ended. */
export function recordEnded(
  record: BackoffRecord,
  succeeded: readonly Pod[],
  failed: readonly Pod[],
): BackoffRecord {
  if (succeeded.length === 0 && failed.length === 0) return record;
  const times = failed.map(finishedAt);
  if (succeeded.length === 0) {
    return {
      failures: record.failures + failed.length,
      lastFailure: Math.max(record.lastFailure, ...times),
    };
  }
  const lastSuccess = Math.max(...succeeded.map(finishedAt));
  const later = times.filter((time) => time > lastSuccess);
  return { failures: later.length, lastFailure: Math.max(0, ...later) };
}

/** Milliseconds until the next pod may be made: 10 s after the first failure, twice as long each time. */
export const backoffLeftMs = ({ failures, lastFailure }: BackoffRecord, now: number): number =>
  failures === 0 ? 0 : Math.max(0, lastFailure + Math.min(LONGEST_MS, FIRST_MS * 2 ** (failures - 1)) - now);

/** When the pod's last container ended, or else the best guess there is. */
export function finishedAt(pod: Pod): number {
  const statuses = pod.status?.containerStatuses ?? [];
  const ends = statuses.map(({ state }) => timeOf(state?.terminated?.finishedAt));
  if (ends.length > 0 && ends.every((end) => end > 0)) return Math.max(...ends);
  const ready = podCondition(pod, 'Ready');
  if (ready?.status === 'False' && ready.lastTransitionTime) return timeOf(ready.lastTransitionTime);
  const { deletionTimestamp, deletionGracePeriodSeconds = 0, creationTimestamp } = pod.metadata;
  if (deletionTimestamp) return timeOf(deletionTimestamp) - deletionGracePeriodSeconds * 1000;
  return timeOf(creationTimestamp);
}
