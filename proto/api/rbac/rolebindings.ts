import { AGE, NAME, text, wide } from '#proto/api/columns.ts';
import { defineResource } from '#proto/api/define.ts';
import type { RoleBinding } from '#proto/schema/generated/rbac-v1.ts';

const subjects = (binding: RoleBinding, kind: string): string =>
  (binding.subjects ?? [])
    .filter((s) => s.kind === kind)
    .map((s) => (kind === 'ServiceAccount' ? `${s.namespace ?? ''}/${s.name}` : s.name))
    .join(', ');

export const rolebindings = defineResource<RoleBinding>({
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  plural: 'rolebindings',
  kind: 'RoleBinding',
  namespaced: true,
  columns: [
    NAME,
    text('Role', (b) => `${b.roleRef.kind}/${b.roleRef.name}`),
    AGE,
    wide('Users', (b) => subjects(b, 'User')),
    wide('Groups', (b) => subjects(b, 'Group')),
    wide('ServiceAccounts', (b) => subjects(b, 'ServiceAccount')),
  ],
});
