import type { Subject } from '#proto/schema/generated/rbac-v1.ts';

const GROUP = 'rbac.authorization.k8s.io';

export const group = (name: string): Subject => ({ kind: 'Group', apiGroup: GROUP, name });
export const user = (name: string): Subject => ({ kind: 'User', apiGroup: GROUP, name });
/** Of kube-system. */
export const account = (name: string): Subject => ({
  kind: 'ServiceAccount',
  name,
  namespace: 'kube-system',
});
