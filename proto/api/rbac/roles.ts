import { NAME } from '#proto/api/columns.ts';
import { defineResource } from '#proto/api/define.ts';
import type { Role } from '#proto/schema/generated/rbac-v1.ts';

export const roles = defineResource<Role>({
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  plural: 'roles',
  kind: 'Role',
  namespaced: true,
  columns: [NAME, { name: 'Created At', type: 'date', value: (r) => r.metadata.creationTimestamp ?? null }],
});
