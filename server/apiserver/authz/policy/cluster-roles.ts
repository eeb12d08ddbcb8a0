import type { ClusterRole, PolicyRule } from '#proto/schema/generated/rbac-v1.ts';
import { NODE_RULES } from '#server/apiserver/authz/node-rules.ts';
import { AGGREGATED_ROLES } from '#server/apiserver/authz/policy/aggregated-roles.ts';
import { CONTROLLER_RULES } from '#server/apiserver/authz/policy/controller-roles.ts';
import { paths, READ, rule } from '#server/apiserver/authz/policy/rule.ts';

const DISCOVERY = '/healthz /livez /readyz /version /version/';
const API_PATHS = '/openapi /openapi/* /api /api/* /apis /apis/*';
const SELF = 'selfsubjectaccessreviews selfsubjectrulesreviews';

const RULES: Readonly<Record<string, readonly PolicyRule[]>> = {
  'cluster-admin': [rule('*', '*', '*'), paths('*', '*')],
  'system:discovery': [paths('get', `${DISCOVERY} ${API_PATHS}`)],
  'system:monitoring': [
    paths('get', '/metrics /metrics/slis /livez /readyz /healthz /livez/* /readyz/* /healthz/*'),
  ],
  'system:basic-user': [
    rule('create', 'authorization.k8s.io', SELF),
    rule('create', 'authentication.k8s.io', 'selfsubjectreviews'),
  ],
  'system:public-info-viewer': [paths('get', DISCOVERY)],
  'system:node': NODE_RULES,
  'system:node-bootstrapper': [
    rule('create get list watch', 'certificates.k8s.io', 'certificatesigningrequests'),
  ],
  'system:node-problem-detector': [
    rule('get', '', 'nodes'),
    rule('patch', '', 'nodes/status'),
    rule('create patch update', ' events.k8s.io', 'events'),
  ],
  'system:node-proxier': [
    rule('list watch', '', 'services endpoints'),
    rule(READ, '', 'nodes'),
    rule('create patch update', ' events.k8s.io', 'events'),
    rule('list watch', 'discovery.k8s.io', 'endpointslices'),
    rule('list watch', 'networking.k8s.io', 'servicecidrs'),
  ],
  'system:kubelet-api-admin': [
    rule(READ, '', 'nodes'),
    rule('proxy', '', 'nodes'),
    rule('*', '', 'nodes/proxy nodes/metrics nodes/stats nodes/log'),
  ],
  'system:auth-delegator': [
    rule('create', 'authentication.k8s.io', 'tokenreviews'),
    rule('create', 'authorization.k8s.io', 'subjectaccessreviews'),
  ],
  'system:service-account-issuer-discovery': [
    paths(
      'get',
      '/.well-known/openid-configuration /.well-known/openid-configuration/ /openid/v1/jwks /openid/v1/jwks/',
    ),
  ],
  'system:certificates.k8s.io:certificatesigningrequests:nodeclient': [
    rule('create', 'certificates.k8s.io', 'certificatesigningrequests/nodeclient'),
  ],
  'system:certificates.k8s.io:certificatesigningrequests:selfnodeclient': [
    rule('create', 'certificates.k8s.io', 'certificatesigningrequests/selfnodeclient'),
  ],
  'system:persistent-volume-provisioner': [
    rule('create delete get list watch', '', 'persistentvolumes'),
    rule('get list update watch', '', 'persistentvolumeclaims'),
    rule(READ, 'storage.k8s.io', 'storageclasses'),
    rule('watch', '', 'events'),
    rule('create patch update', ' events.k8s.io', 'events'),
  ],
  'system:volume-scheduler': [
    rule('get list patch update watch', '', 'persistentvolumes'),
    rule(READ, 'storage.k8s.io', 'storageclasses'),
    rule('get list patch update watch', '', 'persistentvolumeclaims'),
  ],
  'system:kube-dns': [rule('list watch', '', 'endpoints services')],
  'system:kube-scheduler': [
    rule('create patch update', ' events.k8s.io', 'events'),
    rule('create get list update watch', 'coordination.k8s.io', 'leases'),
    rule(READ, '', 'nodes'),
    rule('delete get list watch', '', 'pods'),
    rule('create', '', 'bindings pods/binding'),
    rule('patch update', '', 'pods/status'),
    rule(READ, '', 'replicationcontrollers services'),
    rule(READ, 'apps extensions', 'replicasets'),
    rule(READ, 'apps', 'statefulsets'),
    rule(READ, 'policy', 'poddisruptionbudgets'),
    rule(READ, '', 'persistentvolumeclaims persistentvolumes'),
    rule('create', 'authentication.k8s.io', 'tokenreviews'),
    rule('create', 'authorization.k8s.io', 'subjectaccessreviews'),
    rule(READ, 'storage.k8s.io', 'csinodes csidrivers csistoragecapacities volumeattachments'),
    rule('list watch', '', 'namespaces'),
  ],
  'system:kube-controller-manager': [
    rule('create patch update', ' events.k8s.io', 'events'),
    rule('create get list update watch', 'coordination.k8s.io', 'leases'),
    rule('create', '', 'secrets serviceaccounts'),
    rule('delete', '', 'secrets'),
    rule('get', '', 'configmaps namespaces secrets serviceaccounts'),
    rule('update', '', 'secrets serviceaccounts'),
    rule('create', 'authentication.k8s.io', 'tokenreviews'),
    rule('create', 'authorization.k8s.io', 'subjectaccessreviews'),
    rule('list watch', '*', '*'),
    rule('create', '', 'serviceaccounts/token'),
  ],
  'system:heapster': [
    rule(READ, '', 'events namespaces nodes pods'),
    rule(READ, 'extensions', 'deployments'),
  ],
};

export const BOOTSTRAPPING = { 'kubernetes.io/bootstrapping': 'rbac-defaults' };
export const AUTOUPDATE = 'rbac.authorization.kubernetes.io/autoupdate';

const role = (name: string, rules: readonly PolicyRule[]): ClusterRole => ({
  metadata: { name, labels: BOOTSTRAPPING, annotations: { [AUTOUPDATE]: 'true' } },
  rules: [...rules],
});

/** The ClusterRoles that every cluster has. Rule: upstream's bootstrap policy. */
export const defaultClusterRoles = (): ClusterRole[] => [
  ...Object.entries(RULES).map(([name, rules]) => role(name, rules)),
  ...AGGREGATED_ROLES.map(({ name, labels, rules, aggregates }) => ({
    ...role(name, rules),
    metadata: {
      ...role(name, rules).metadata,
      labels: { ...BOOTSTRAPPING, ...labels },
    },
    ...(aggregates
      ? { aggregationRule: { clusterRoleSelectors: [{ matchLabels: { [aggregates]: 'true' } }] } }
      : {}),
  })),
  ...Object.entries(CONTROLLER_RULES).map(([name, rules]) => role(`system:controller:${name}`, rules)),
];
