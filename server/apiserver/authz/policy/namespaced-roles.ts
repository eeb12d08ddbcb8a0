import type { PolicyRule, Role, RoleBinding, Subject } from '#proto/schema/generated/rbac-v1.ts';
import { AUTOUPDATE, BOOTSTRAPPING } from '#server/apiserver/authz/policy/cluster-roles.ts';
import { READ, rule } from '#server/apiserver/authz/policy/rule.ts';
import { account, user } from '#server/apiserver/authz/policy/subjects.ts';

const SYSTEM = 'kube-system';
const events = rule('create patch update', ' events.k8s.io', 'events');
const locking = [
  rule('create get list update watch', 'coordination.k8s.io', 'leases'),
  rule('create get list update watch', 'coordination.k8s.io', 'leasecandidates'),
];

const meta = (namespace: string, name: string) => ({
  metadata: { name, namespace, labels: BOOTSTRAPPING, annotations: { [AUTOUPDATE]: 'true' } },
});
const role = (namespace: string, name: string, ...rules: PolicyRule[]): Role => ({
  ...meta(namespace, name),
  rules,
});
const binding = (namespace: string, name: string, subjects: Subject[], to = name): RoleBinding => ({
  ...meta(namespace, name),
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: to },
  subjects,
});

/** The Roles that every cluster has. Rule: upstream's bootstrap policy. */
export const defaultRoles = (): Role[] => [
  role(
    SYSTEM,
    'extension-apiserver-authentication-reader',
    rule(READ, '', 'configmaps', 'extension-apiserver-authentication'),
  ),
  role(SYSTEM, 'system::leader-locking-kube-controller-manager', ...locking),
  role(SYSTEM, 'system::leader-locking-kube-scheduler', ...locking),
  role(SYSTEM, 'system:controller:bootstrap-signer', rule(READ, '', 'secrets')),
  role(SYSTEM, 'system:controller:cloud-provider', rule('create get list watch', '', 'configmaps')),
  role(SYSTEM, 'system:controller:token-cleaner', rule('delete get list watch', '', 'secrets'), events),
  role(
    'kube-public',
    'system:controller:bootstrap-signer',
    rule(READ, '', 'configmaps'),
    rule('update', '', 'configmaps', 'cluster-info'),
    events,
  ),
];

/** And who has them. */
export const defaultRoleBindings = (): RoleBinding[] => [
  binding(
    SYSTEM,
    'system::extension-apiserver-authentication-reader',
    [user('system:kube-controller-manager'), user('system:kube-scheduler')],
    'extension-apiserver-authentication-reader',
  ),
  binding(SYSTEM, 'system::leader-locking-kube-controller-manager', [
    user('system:kube-controller-manager'),
    account('kube-controller-manager'),
    account('leader-election-controller'),
  ]),
  binding(SYSTEM, 'system::leader-locking-kube-scheduler', [
    user('system:kube-scheduler'),
    account('kube-scheduler'),
  ]),
  binding(SYSTEM, 'system:controller:bootstrap-signer', [account('bootstrap-signer')]),
  binding(SYSTEM, 'system:controller:cloud-provider', [account('cloud-provider')]),
  binding(SYSTEM, 'system:controller:token-cleaner', [account('token-cleaner')]),
  binding('kube-public', 'system:controller:bootstrap-signer', [account('bootstrap-signer')]),
];
