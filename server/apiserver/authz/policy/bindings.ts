import type { ClusterRoleBinding, Subject } from '#proto/schema/generated/rbac-v1.ts';
import { AUTOUPDATE, BOOTSTRAPPING } from '#server/apiserver/authz/policy/cluster-roles.ts';
import { controllerRules } from '#server/apiserver/authz/policy/controller-roles.ts';
import { account, group, user } from '#server/apiserver/authz/policy/subjects.ts';

const GROUP = 'rbac.authorization.k8s.io';

const binding = (name: string, subjects: Subject[], role = name): ClusterRoleBinding => ({
  metadata: { name, labels: BOOTSTRAPPING, annotations: { [AUTOUPDATE]: 'true' } },
  roleRef: { apiGroup: GROUP, kind: 'ClusterRole', name: role },
  subjects,
});

/**
 * Who has the default roles. There is no `system:unauthenticated` among them: nobody is let in without saying who it
 * is, health checks aside.
 */
export const defaultClusterRoleBindings = (): ClusterRoleBinding[] => [
  binding('cluster-admin', [group('system:masters')]),
  binding('system:monitoring', [group('system:monitoring')]),
  binding('system:discovery', [group('system:authenticated')]),
  binding('system:basic-user', [group('system:authenticated')]),
  binding('system:public-info-viewer', [group('system:authenticated')]),
  binding('system:node-proxier', [user('system:kube-proxy')]),
  binding('system:kube-controller-manager', [user('system:kube-controller-manager')]),
  binding('system:kube-dns', [account('kube-dns')]),
  binding('system:kube-scheduler', [user('system:kube-scheduler')]),
  binding('system:volume-scheduler', [user('system:kube-scheduler')]),
  // Nodes have their rights from the node authorizer; upstream keeps the empty binding, too.
  binding('system:node', []),
  binding('system:service-account-issuer-discovery', [group('system:serviceaccounts')]),
  ...Object.keys(controllerRules()).map((name) => binding(`system:controller:${name}`, [account(name)])),
];
