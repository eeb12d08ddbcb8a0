import { NAME } from '#proto/api/columns.ts';
import { defineResource } from '#proto/api/define.ts';
import type { LimitRange } from '#proto/schema/generated/core-v1.ts';

export const limitranges = defineResource<LimitRange>({
  group: '',
  version: 'v1',
  plural: 'limitranges',
  kind: 'LimitRange',
  namespaced: true,
  shortNames: ['limits'],
  columns: [NAME, { name: 'Created At', type: 'date', value: (l) => l.metadata.creationTimestamp ?? null }],
});
