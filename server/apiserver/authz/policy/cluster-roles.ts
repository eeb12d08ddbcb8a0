import type { ClusterRole, PolicyRule } from '#proto/schema/generated/rbac-v1.ts';
import { NODE_RULES } from '#server/apiserver/authz/node-rules.ts';
import { aggregatedRoles } from '#server/apiserver/authz/policy/aggregated-roles.ts';
import { controllerRules } from '#server/apiserver/authz/policy/controller-roles.ts';
import { paths, READ, READ_WRITE, rule } from '#server/apiserver/authz/policy/rule.ts';

/** By name; facts of upstream's bootstrap policy. */
const clusterRules = (): Readonly<Record<string, readonly PolicyRule[]>> => ({
  'cluster-admin': [rule('*', '*', '*'), paths('*', '*')],
  'system:auth-delegator': [
    rule('create', 'authentication.k8s.io', 'tokenreviews'),
    rule('create', 'authorization.k8s.io', 'subjectaccessreviews'),
  ],
  'system:basic-user': [
    rule('create', 'authorization.k8s.io', 'selfsubjectaccessreviews selfsubjectrulesreviews'),
    rule('create', 'authentication.k8s.io', 'selfsubjectreviews'),
  ],
  'system:certificates.k8s.io:certificatesigningrequests:nodeclient': [
    rule('create', 'certificates.k8s.io', 'certificatesigningrequests/nodeclient'),
  ],
  'system:certificates.k8s.io:certificatesigningrequests:selfnodeclient': [
    rule('create', 'certificates.k8s.io', 'certificatesigningrequests/selfnodeclient'),
  ],
  'system:certificates.k8s.io:kube-apiserver-client-approver': [
    rule('approve', 'certificates.k8s.io', 'signers', 'kubernetes.io/kube-apiserver-client'),
  ],
  'system:certificates.k8s.io:kube-apiserver-client-kubelet-approver': [
    rule('approve', 'certificates.k8s.io', 'signers', 'kubernetes.io/kube-apiserver-client-kubelet'),
  ],
  'system:certificates.k8s.io:kubelet-serving-approver': [
    rule('approve', 'certificates.k8s.io', 'signers', 'kubernetes.io/kubelet-serving'),
  ],
  'system:certificates.k8s.io:legacy-unknown-approver': [
    rule('approve', 'certificates.k8s.io', 'signers', 'kubernetes.io/legacy-unknown'),
  ],
  'system:discovery': [
    paths('get', '/api /api/* /apis /apis/* /healthz /livez /openapi /openapi/* /readyz /version /version/'),
  ],
  'system:heapster': [
    rule(READ, '', 'events namespaces nodes pods'),
    rule(READ, 'extensions', 'deployments'),
  ],
  'system:kube-aggregator': [rule(READ, '', 'endpoints services')],
  'system:kube-controller-manager': [
    rule('create patch update', ' events.k8s.io', 'events'),
    rule('create', 'coordination.k8s.io', 'leases'),
    rule('get update', 'coordination.k8s.io', 'leases', 'kube-controller-manager'),
    rule('create', '', 'secrets serviceaccounts'),
    rule('delete', '', 'secrets'),
    rule('get', '', 'configmaps namespaces secrets serviceaccounts'),
    rule('update', '', 'secrets serviceaccounts'),
    rule('create', 'authentication.k8s.io', 'tokenreviews'),
    rule('create', 'authorization.k8s.io', 'subjectaccessreviews'),
    rule('list watch', '*', '*'),
    rule('create', '', 'serviceaccounts/token'),
  ],
  'system:kube-dns': [rule('list watch', '', 'endpoints services')],
  'system:kube-scheduler': [
    rule('create patch update', ' events.k8s.io', 'events'),
    rule('create', 'coordination.k8s.io', 'leases'),
    rule('get list update watch', 'coordination.k8s.io', 'leases', 'kube-scheduler'),
    rule(READ_WRITE, 'coordination.k8s.io', 'leasecandidates'),
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
    rule(READ, 'storage.k8s.io', 'csinodes'),
    rule(READ, 'storage.k8s.io', 'volumeattachments'),
    rule(READ, '', 'namespaces'),
    rule(READ, 'storage.k8s.io', 'csidrivers'),
    rule(READ, 'storage.k8s.io', 'csistoragecapacities'),
    rule(READ, 'resource.k8s.io', 'deviceclasses'),
    rule('get list patch update watch', 'resource.k8s.io', 'resourceclaims'),
    rule('get list patch update watch', 'resource.k8s.io', 'resourceclaims/status'),
    rule('update', '', 'pods/finalizers'),
    rule(READ, 'resource.k8s.io', 'resourceslices'),
    rule('create delete', 'resource.k8s.io', 'resourceclaims'),
    rule('patch update', 'resource.k8s.io', 'resourceclaims/binding'),
  ],
  'system:kubelet-api-admin': [
    rule(READ, '', 'nodes'),
    rule('proxy', '', 'nodes'),
    rule('*', '', 'nodes/log nodes/metrics nodes/proxy nodes/stats'),
    rule('*', '', 'nodes/configz nodes/healthz nodes/pods'),
  ],
  'system:monitoring': [
    paths(
      'get',
      '/flagz /healthz /healthz/* /livez /livez/* /metrics /metrics/slis /readyz /readyz/* /statusz',
    ),
    rule('get', '', 'nodes/metrics'),
  ],
  'system:node-bootstrapper': [
    rule('create get list watch', 'certificates.k8s.io', 'certificatesigningrequests'),
  ],
  'system:node-problem-detector': [
    rule('get', '', 'nodes'),
    rule('patch', '', 'nodes/status'),
    rule('create patch update', ' events.k8s.io', 'events'),
  ],
  'system:node-proxier': [
    rule('list watch', '', 'endpoints services'),
    rule(READ, '', 'nodes'),
    rule('create patch update', ' events.k8s.io', 'events'),
    rule('list watch', 'networking.k8s.io', 'servicecidrs'),
    rule('list watch', 'discovery.k8s.io', 'endpointslices'),
  ],
  'system:persistent-volume-provisioner': [
    rule('create delete get list watch', '', 'persistentvolumes'),
    rule('get list update watch', '', 'persistentvolumeclaims'),
    rule(READ, 'storage.k8s.io', 'storageclasses'),
    rule('watch', '', 'events'),
    rule('create patch update', ' events.k8s.io', 'events'),
  ],
  'system:public-info-viewer': [paths('get', '/healthz /livez /readyz /version /version/')],
  'system:service-account-issuer-discovery': [
    paths(
      'get',
      '/.well-known/openid-configuration /.well-known/openid-configuration/ /openid/v1/jwks /openid/v1/jwks/',
    ),
  ],
  'system:volume-scheduler': [
    rule('get list patch update watch', '', 'persistentvolumes'),
    rule(READ, 'storage.k8s.io', 'storageclasses'),
    rule('get list patch update watch', '', 'persistentvolumeclaims'),
  ],
  'system:node': NODE_RULES,
});

export const BOOTSTRAPPING = { 'kubernetes.io/bootstrapping': 'rbac-defaults' };
export const AUTOUPDATE = 'rbac.authorization.kubernetes.io/autoupdate';

const role = (name: string, rules: readonly PolicyRule[]): ClusterRole => ({
  metadata: { name, labels: BOOTSTRAPPING, annotations: { [AUTOUPDATE]: 'true' } },
  rules: [...rules],
});

/** The ClusterRoles that every cluster has. Rule: upstream's bootstrap policy. */
export const defaultClusterRoles = (): ClusterRole[] => [
  ...Object.entries(clusterRules()).map(([name, rules]) => role(name, rules)),
  ...aggregatedRoles().map(({ name, labels, rules, aggregates }) => ({
    ...role(name, rules),
    metadata: {
      ...role(name, rules).metadata,
      labels: { ...BOOTSTRAPPING, ...labels },
    },
    ...(aggregates
      ? { aggregationRule: { clusterRoleSelectors: [{ matchLabels: { [aggregates]: 'true' } }] } }
      : {}),
  })),
  ...Object.entries(controllerRules()).map(([name, rules]) => role(`system:controller:${name}`, rules)),
];
