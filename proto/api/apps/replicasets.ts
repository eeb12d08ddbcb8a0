import { AGE, integer, NAME, selector, templateColumns, wide } from '#proto/api/columns.ts';
import { defineResource, scale, statusOf } from '#proto/api/define.ts';
import type { ReplicaSet } from '#proto/schema/generated/apps-v1.ts';

export const replicasets = defineResource<ReplicaSet>({
  group: 'apps',
  version: 'v1',
  plural: 'replicasets',
  kind: 'ReplicaSet',
  namespaced: true,
  shortNames: ['rs'],
  categories: ['all'],
  subresources: [scale, statusOf('ReplicaSet')],
  columns: [
    NAME,
    integer('Desired', (rs) => rs.spec.replicas),
    integer('Current', (rs) => rs.status?.replicas),
    integer('Ready', (rs) => rs.status?.readyReplicas),
    AGE,
    ...templateColumns<ReplicaSet>((rs) => rs.spec.template),
    wide('Selector', (rs) => selector(rs.spec.selector)),
  ],
  selectableFields: { 'status.replicas': (rs) => String(rs.status?.replicas ?? 0) },
});
