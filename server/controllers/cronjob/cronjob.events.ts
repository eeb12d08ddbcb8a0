import type { Job } from '#proto/schema/generated/batch-v1.ts';
import type { EventWords } from '#server/client/event-words.ts';
import { finishedCondition } from '#server/controllers/job/job-conditions.ts';

const said = (err: unknown): string => (err instanceof Error ? err.message : String(err));
const warning = (reason: string, message: string): EventWords => ({ type: 'Warning', reason, message });
const normal = (reason: string, message: string): EventWords => ({ type: 'Normal', reason, message });

export const unexpectedJob = (name: string): EventWords =>
  warning('UnexpectedJob', `Saw a job that the controller did not create or forgot: ${name}`);

export const sawCompletedJob = (job: Job): EventWords =>
  normal(
    'SawCompletedJob',
    `Saw completed job: ${job.metadata.name}, condition: ${finishedCondition(job)?.type}`,
  );

export const missingJob = (name: string): EventWords =>
  normal('MissingJob', `Active job went missing: ${name}`);

export const unknownTimeZone = (zone: string, err: unknown): EventWords =>
  warning('UnknownTimeZone', `invalid timeZone: ${JSON.stringify(zone)}: ${said(err)}`);

export const unparseableSchedule = (schedule: string, err: unknown): EventWords =>
  warning('UnparseableSchedule', `unparseable schedule: ${JSON.stringify(schedule)} : ${said(err)}`);

export const invalidSchedule = (schedule: string): EventWords =>
  warning(
    'InvalidSchedule',
    `invalid schedule: ${schedule} : time difference between two schedules is less than 1 second`,
  );

export const tooManyMissed: EventWords = warning(
  'TooManyMissedTimes',
  'too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew',
);

export const missedSchedule = (time: number): EventWords =>
  warning(
    'MissSchedule',
    `Missed scheduled time to start a job: ${new Date(time).toUTCString().replace('GMT', '+0000')}`,
  );

export const jobAlreadyActive: EventWords = normal(
  'JobAlreadyActive',
  'Not starting job because prior execution is running and concurrency policy is Forbid',
);

export const createdJob = (name: string): EventWords => normal('SuccessfulCreate', `Created job ${name}`);
export const createJobFailed = (err: unknown): EventWords =>
  warning('FailedCreate', `Error creating job: ${said(err)}`);
export const deletedJob = (name: string): EventWords => normal('SuccessfulDelete', `Deleted job ${name}`);
export const deleteJobFailed = (err: unknown): EventWords =>
  warning('FailedDelete', `Deleted job: ${said(err)}`);
