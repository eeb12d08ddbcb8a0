import { cronjobs } from '#proto/api/batch/cronjobs.ts';
import { jobs } from '#proto/api/batch/jobs.ts';
import type { CronJob, Job } from '#proto/schema/generated/batch-v1.ts';
import { controllerOf } from '#server/controllers/ownership.ts';
import {
  conditionFamily,
  created,
  NAMESPACED,
  namespacedValues,
  numberOf,
  seconds,
  stateKind,
} from '#server/metrics/state/state-kind.ts';

export const jobState = stateKind<Job>({
  resource: jobs,
  prefix: 'kube_job_',
  labels: NAMESPACED('job_name'),
  values: namespacedValues,
  families: [
    created('Job'),
    {
      name: 'owner',
      help: 'Whose Job it is.',
      labels: ['owner_kind', 'owner_name', 'owner_is_controller'],
      read: (job) => {
        const owner = controllerOf(job);
        return owner ? [[1, owner.kind, owner.name, 'true']] : [];
      },
    },
    numberOf('spec_parallelism', 'Pods that may run at once.', ({ spec }) => spec.parallelism ?? 1),
    numberOf('spec_completions', 'Pods that must succeed.', ({ spec }) => spec.completions),
    numberOf(
      'spec_active_deadline_seconds',
      'How long the Job may take, in seconds.',
      ({ spec }) => spec.activeDeadlineSeconds,
    ),
    numberOf('status_active', 'Pods that run.', ({ status }) => status?.active ?? 0),
    numberOf('status_succeeded', 'Pods that have succeeded.', ({ status }) => status?.succeeded ?? 0),
    numberOf('status_failed', 'Pods that have failed.', ({ status }) => status?.failed ?? 0),
    numberOf('status_start_time', 'When it began, in seconds since 1970.', ({ status }) =>
      seconds(status?.startTime),
    ),
    numberOf('status_completion_time', 'When it was complete, in seconds since 1970.', ({ status }) =>
      seconds(status?.completionTime),
    ),
    conditionFamily('complete', 'Complete', 'Is the Job complete?'),
    conditionFamily('failed', 'Failed', 'Has the Job failed?'),
  ],
});

export const cronJobState = stateKind<CronJob>({
  resource: cronjobs,
  prefix: 'kube_cronjob_',
  labels: NAMESPACED('cronjob'),
  values: namespacedValues,
  families: [
    created('CronJob'),
    {
      name: 'info',
      help: 'When it is due, and what happens when the Job before still runs.',
      labels: ['schedule', 'concurrency_policy', 'timezone'],
      read: ({ spec }) => [[1, spec.schedule, spec.concurrencyPolicy ?? '', spec.timeZone ?? '']],
    },
    numberOf('spec_suspend', 'Is it suspended?', ({ spec }) => Number(spec.suspend ?? false)),
    numberOf('status_active', 'Jobs of it that run.', ({ status }) => status?.active?.length ?? 0),
    numberOf('status_last_schedule_time', 'When it was last due, in seconds since 1970.', ({ status }) =>
      seconds(status?.lastScheduleTime),
    ),
    numberOf(
      'status_last_successful_time',
      'When a Job of it last succeeded, in seconds since 1970.',
      ({ status }) => seconds(status?.lastSuccessfulTime),
    ),
  ],
});
