import { type FieldError, invalidValue, notSupported, required } from '#proto/meta/field-error.ts';
import type { CronJob, CronJobSpec } from '#proto/schema/generated/batch-v1.ts';
import { validateJobSpec } from '#server/registry/batch/job.ts';
import { scheduleProblem } from '#server/registry/batch/schedule.ts';
import { applyTemplateDefaults } from '#server/registry/core/pod-defaults.ts';
import type { Strategy } from '#server/registry/strategy.ts';
import { nonNegative, oneOf } from '#server/registry/validation/field-checks.ts';
import { validateAnnotations, validateLabels } from '#server/registry/validation/object-meta.ts';

/** Eleven characters are left for the time that a Job's name gets. */
const MAX_NAME = 52;

/** CronJobs. Rule: upstream's `pkg/registry/batch/cronjob/strategy.go`. */
export const cronJob: Strategy<CronJob> = {
  applyDefaults: (object) => {
    object.spec ??= { schedule: '', jobTemplate: { spec: { template: {} } } };
    const { spec } = object;
    spec.concurrencyPolicy ||= 'Allow';
    spec.suspend ??= false;
    spec.successfulJobsHistoryLimit ??= 3;
    spec.failedJobsHistoryLimit ??= 1;
    spec.jobTemplate ??= { spec: { template: {} } };
    spec.jobTemplate.spec ??= { template: {} };
    // What else a Job has is left to the Job.
    spec.jobTemplate.spec.template ??= {};
    applyTemplateDefaults(spec.jobTemplate.spec.template);
  },
  validate: ({ metadata, spec }, { subresource }) => {
    if (subresource === 'status') return [];
    const errors = validateSpec(spec);
    if ((metadata.name?.length ?? 0) > MAX_NAME) {
      errors.push(
        invalidValue('metadata.name', metadata.name, `must be no more than ${MAX_NAME} characters`),
      );
    }
    return errors;
  },
};

function validateSpec(spec: CronJobSpec): FieldError[] {
  const template = spec.jobTemplate;
  const path = 'spec.jobTemplate';
  const errors = [
    ...validateSchedule(spec),
    ...nonNegative('spec.startingDeadlineSeconds', spec.startingDeadlineSeconds),
    ...validateTimeZone(spec.timeZone),
    ...oneOf('spec.concurrencyPolicy', spec.concurrencyPolicy, ['Allow', 'Forbid', 'Replace']),
    ...validateLabels(template.metadata?.labels, `${path}.metadata.labels`),
    ...validateAnnotations(template.metadata?.annotations, `${path}.metadata.annotations`),
    ...validateJobSpec(template.spec ?? { template: {} }, `${path}.spec`),
    ...nonNegative('spec.successfulJobsHistoryLimit', spec.successfulJobsHistoryLimit),
    ...nonNegative('spec.failedJobsHistoryLimit', spec.failedJobsHistoryLimit),
  ];
  if (template.spec?.selector) {
    const detail = '`selector` will be auto-generated';
    errors.push(invalidValue(`${path}.spec.selector`, template.spec.selector, detail));
  }
  if (template.spec?.manualSelector) {
    errors.push(notSupported(`${path}.spec.manualSelector`, true, ['nil', 'false']));
  }
  return errors;
}

function validateSchedule({ schedule, timeZone }: CronJobSpec): FieldError[] {
  const path = 'spec.schedule';
  if (!schedule) return [required(path)];
  if (schedule.includes('TZ')) {
    const detail = timeZone
      ? 'cannot use both timeZone field and TZ or CRON_TZ in schedule'
      : 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead';
    return [invalidValue(path, schedule, detail)];
  }
  const problem = scheduleProblem(schedule);
  return problem ? [invalidValue(path, schedule, problem)] : [];
}

function validateTimeZone(zone: string | undefined): FieldError[] {
  const path = 'spec.timeZone';
  if (zone === undefined) return [];
  if (zone === '') return [invalidValue(path, zone, 'timeZone must be nil or non-empty string')];
  if (zone.toLowerCase() === 'local') {
    const detail = 'timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones';
    return [invalidValue(path, zone, detail)];
  }
  return isTimeZone(zone) ? [] : [invalidValue(path, zone, `unknown time zone ${zone}`)];
}

/** Offsets such as `+02:00` are zones to Intl, but not to the time zone database. */
function isTimeZone(zone: string): boolean {
  if (!/^[A-Za-z]/.test(zone)) return false;
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}
