import { AGE, age, integer, NAME, NONE, selector, templateColumns, text, wide } from '#proto/api/columns.ts';
import { defineResource, statusOf } from '#proto/api/define.ts';
import type { CronJob } from '#proto/schema/generated/batch-v1.ts';

export const cronjobs = defineResource<CronJob>({
  group: 'batch',
  version: 'v1',
  plural: 'cronjobs',
  kind: 'CronJob',
  namespaced: true,
  shortNames: ['cj'],
  categories: ['all'],
  subresources: [statusOf('CronJob')],
  columns: [
    NAME,
    text('Schedule', (c) => c.spec.schedule),
    text('Timezone', (c) => c.spec.timeZone ?? NONE),
    text('Suspend', (c) => (c.spec.suspend ? 'True' : 'False')),
    integer('Active', (c) => c.status?.active?.length),
    text('Last Schedule', (c, now) =>
      c.status?.lastScheduleTime ? age(c.status.lastScheduleTime, now) : NONE,
    ),
    AGE,
    ...templateColumns<CronJob>((c) => c.spec.jobTemplate.spec?.template),
    wide('Selector', (c) => selector(c.spec.jobTemplate.spec?.selector)),
  ],
});
