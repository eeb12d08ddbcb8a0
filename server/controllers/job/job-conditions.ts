import { timestamp } from '#proto/meta/timestamp.ts';
import type { Job, JobCondition } from '#proto/schema/generated/batch-v1.ts';

/** The condition of this type where it holds. */
export const trueCondition = (job: Job, type: string): JobCondition | undefined =>
  job.status?.conditions?.find((one) => one.type === type && one.status === 'True');

/** How a Job ended: its Complete or Failed condition. */
export const finishedCondition = (job: Job): JobCondition | undefined =>
  trueCondition(job, 'Complete') ?? trueCondition(job, 'Failed');

export const isJobFinished = (job: Job): boolean => finishedCondition(job) !== undefined;

export const isJobSucceeded = (job: Job): boolean => trueCondition(job, 'Complete') !== undefined;

export function newCondition(
  type: string,
  status: 'True' | 'False',
  reason: string,
  message: string,
  now: number,
): JobCondition {
  const time = timestamp(now);
  return { type, status, lastProbeTime: time, lastTransitionTime: time, reason, message };
}

/** `conditions` with this one in it; the same list when nothing changes. What never held is not said to be False. */
export function withCondition(
  conditions: readonly JobCondition[],
  condition: JobCondition,
): readonly JobCondition[] {
  const known = conditions.find(({ type }) => type === condition.type);
  if (!known) return condition.status === 'False' ? conditions : [...conditions, condition];
  const same =
    known.status === condition.status &&
    known.reason === condition.reason &&
    known.message === condition.message;
  return same ? conditions : conditions.map((one) => (one === known ? condition : one));
}
