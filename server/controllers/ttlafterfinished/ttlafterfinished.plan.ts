import type { Job } from '#proto/schema/generated/batch-v1.ts';
import { finishedCondition } from '#server/controllers/job/job-conditions.ts';
import { timeOf } from '#server/controllers/timestamps.ts';

/** Milliseconds until the Job is to be deleted; undefined: never, as it stands. */
export function msUntilExpired(job: Job, now: number): number | undefined {
  const { ttlSecondsAfterFinished: ttl } = job.spec;
  const finished = finishedCondition(job);
  if (ttl === undefined || !finished || job.metadata.deletionTimestamp) return undefined;
  return Math.max(0, timeOf(finished.lastTransitionTime) + ttl * 1000 - now);
}
