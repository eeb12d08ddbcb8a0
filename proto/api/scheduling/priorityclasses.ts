import { AGE, flag, integer, NAME, text } from '#proto/api/columns.ts';
import { defineResource } from '#proto/api/define.ts';
import type { PriorityClass } from '#proto/schema/generated/scheduling-v1.ts';

export const priorityclasses = defineResource<PriorityClass>({
  group: 'scheduling.k8s.io',
  version: 'v1',
  plural: 'priorityclasses',
  kind: 'PriorityClass',
  namespaced: false,
  singular: 'priorityclass',
  shortNames: ['pc'],
  columns: [
    NAME,
    integer('Value', (c) => c.value),
    flag('Global-Default', (c) => c.globalDefault),
    AGE,
    text('PreemptionPolicy', (c) => c.preemptionPolicy ?? ''),
  ],
});
