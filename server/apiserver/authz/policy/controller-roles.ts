import type { PolicyRule } from '#proto/schema/generated/rbac-v1.ts';
import { READ, rule } from '#server/apiserver/authz/policy/rule.ts';

const events = rule('create patch update', ' events.k8s.io', 'events');

/** What each controller may do, where it runs apart from the server; each has a service account in kube-system. */
export const CONTROLLER_RULES: Readonly<Record<string, readonly PolicyRule[]>> = {
  'clusterrole-aggregation-controller': [
    rule('escalate get list patch update watch', 'rbac.authorization.k8s.io', 'clusterroles'),
  ],
  'daemon-set-controller': [
    rule(READ, 'apps', 'daemonsets'),
    rule('update', 'apps', 'daemonsets/status daemonsets/finalizers'),
    rule(READ, '', 'nodes'),
    rule('create delete get list patch watch', '', 'pods'),
    rule('create delete get list patch watch', 'apps', 'controllerrevisions'),
    events,
  ],
  'deployment-controller': [
    rule('get list update watch', 'apps', 'deployments'),
    rule('update', 'apps', 'deployments/status deployments/finalizers'),
    rule('create delete get list patch update watch', 'apps', 'replicasets'),
    rule('get list update watch', '', 'pods'),
    events,
  ],
  'disruption-controller': [
    rule(READ, 'apps', 'deployments replicasets statefulsets'),
    rule(READ, '', 'replicationcontrollers pods'),
    rule(READ, 'policy', 'poddisruptionbudgets'),
    rule('patch update', 'policy', 'poddisruptionbudgets/status'),
    rule('patch update', '', 'pods/status'),
    rule('get', '*', '*/scale'),
    events,
  ],
  'endpoint-controller': [
    rule(READ, '', 'pods services'),
    rule('create delete get list update', '', 'endpoints'),
    rule('create', '', 'endpoints/restricted'),
    events,
  ],
  'endpointslice-controller': [
    rule(READ, '', 'nodes pods services'),
    rule('update', '', 'services/finalizers'),
    rule('create delete get list update', 'discovery.k8s.io', 'endpointslices'),
    rule('create', 'discovery.k8s.io', 'endpointslices/restricted'),
    events,
  ],
  'generic-garbage-collector': [rule('delete get list patch update watch', '*', '*'), events],
  'namespace-controller': [
    rule('delete get list watch', '', 'namespaces'),
    rule('update', '', 'namespaces/finalize namespaces/status'),
    rule('delete deletecollection get list', '*', '*'),
  ],
  'node-controller': [
    rule('delete get list patch update', '', 'nodes'),
    rule('patch update', '', 'nodes/status'),
    rule('patch update', '', 'pods/status'),
    rule('delete get list', '', 'pods'),
    rule(READ, 'coordination.k8s.io', 'leases'),
    events,
  ],
  'replicaset-controller': [
    rule('get list update watch', 'apps', 'replicasets'),
    rule('update', 'apps', 'replicasets/status replicasets/finalizers'),
    rule('create delete list patch watch', '', 'pods'),
    events,
  ],
  'replication-controller': [
    rule('get list update watch', '', 'replicationcontrollers'),
    rule('update', '', 'replicationcontrollers/status replicationcontrollers/finalizers'),
    rule('create delete list patch watch', '', 'pods'),
    events,
  ],
  'root-ca-cert-publisher': [rule('create update', '', 'configmaps'), events],
  'service-account-controller': [rule('create', '', 'serviceaccounts'), events],
  'statefulset-controller': [
    rule(READ, 'apps', 'statefulsets'),
    rule('update', 'apps', 'statefulsets/status statefulsets/finalizers'),
    rule('create delete get list patch watch', '', 'pods'),
    rule('create get list patch watch', '', 'persistentvolumeclaims'),
    rule('create delete get list patch watch', 'apps', 'controllerrevisions'),
    events,
  ],
};
