import { AGE, NAME, templateColumns, text } from '#proto/api/columns.ts';
import { defineResource, scale, statusOf } from '#proto/api/define.ts';
import type { StatefulSet } from '#proto/schema/generated/apps-v1.ts';

export const statefulsets = defineResource<StatefulSet>({
  group: 'apps',
  version: 'v1',
  plural: 'statefulsets',
  kind: 'StatefulSet',
  namespaced: true,
  shortNames: ['sts'],
  categories: ['all'],
  subresources: [scale, statusOf('StatefulSet')],
  columns: [
    NAME,
    text('Ready', (s) => `${s.status?.readyReplicas ?? 0}/${s.spec.replicas ?? 0}`),
    AGE,
    ...templateColumns<StatefulSet>((s) => s.spec.template),
  ],
});
