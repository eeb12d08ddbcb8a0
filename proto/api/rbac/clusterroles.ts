import { NAME } from '#proto/api/columns.ts';
import { defineResource } from '#proto/api/define.ts';
import type { ClusterRole } from '#proto/schema/generated/rbac-v1.ts';

export const clusterroles = defineResource<ClusterRole>({
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  plural: 'clusterroles',
  kind: 'ClusterRole',
  namespaced: false,
  columns: [NAME, { name: 'Created At', type: 'date', value: (r) => r.metadata.creationTimestamp ?? null }],
});
