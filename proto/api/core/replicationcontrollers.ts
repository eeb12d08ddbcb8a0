import { AGE, integer, labels, NAME, templateColumns, wide } from '#proto/api/columns.ts';
import { defineResource, scale, statusOf } from '#proto/api/define.ts';
import type { ReplicationController } from '#proto/schema/generated/core-v1.ts';

export const replicationcontrollers = defineResource<ReplicationController>({
  group: '',
  version: 'v1',
  plural: 'replicationcontrollers',
  kind: 'ReplicationController',
  namespaced: true,
  shortNames: ['rc'],
  categories: ['all'],
  subresources: [scale, statusOf('ReplicationController')],
  columns: [
    NAME,
    integer('Desired', (rc) => rc.spec.replicas),
    integer('Current', (rc) => rc.status?.replicas),
    integer('Ready', (rc) => rc.status?.readyReplicas),
    AGE,
    ...templateColumns<ReplicationController>((rc) => rc.spec.template),
    wide('Selector', (rc) => labels(rc.spec.selector)),
  ],
  selectableFields: { 'status.replicas': (rc) => String(rc.status?.replicas ?? 0) },
});
