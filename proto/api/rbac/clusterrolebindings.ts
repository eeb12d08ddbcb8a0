import { AGE, NAME, text, wide } from '#proto/api/columns.ts';
import { defineResource } from '#proto/api/define.ts';
import type { ClusterRoleBinding } from '#proto/schema/generated/rbac-v1.ts';

const subjects = (binding: ClusterRoleBinding, kind: string): string =>
  (binding.subjects ?? [])
    .filter((s) => s.kind === kind)
    .map((s) => (kind === 'ServiceAccount' ? `${s.namespace ?? ''}/${s.name}` : s.name))
    .join(', ');

export const clusterrolebindings = defineResource<ClusterRoleBinding>({
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  plural: 'clusterrolebindings',
  kind: 'ClusterRoleBinding',
  namespaced: false,
  columns: [
    NAME,
    text('Role', (b) => `${b.roleRef.kind}/${b.roleRef.name}`),
    AGE,
    wide('Users', (b) => subjects(b, 'User')),
    wide('Groups', (b) => subjects(b, 'Group')),
    wide('ServiceAccounts', (b) => subjects(b, 'ServiceAccount')),
  ],
});
