import type { PolicyRule } from '#proto/schema/generated/rbac-v1.ts';
import { paths, rule } from '#server/apiserver/authz/policy/rule.ts';

/**
 * What every node may do beside reading what its pods need; NodeRestriction narrows writes to its own objects. Also
 * the rules of `system:node`. Rule: upstream's `NodeRules`.
 */
export const NODE_RULES: readonly PolicyRule[] = [
  rule('create', 'authentication.k8s.io', 'tokenreviews'),
  rule('create', 'authorization.k8s.io', 'subjectaccessreviews localsubjectaccessreviews'),
  rule('create', 'authorization.k8s.io', 'selfsubjectaccessreviews selfsubjectrulesreviews'),
  rule('create', 'authentication.k8s.io', 'selfsubjectreviews'),
  rule('get list watch', '', 'services'),
  rule('create get', '', 'nodes'),
  rule('update patch', '', 'nodes/status'),
  rule('update patch', '', 'nodes'),
  rule('create patch update', '', 'events'),
  rule('create patch update', 'events.k8s.io', 'events'),
  rule('create delete', '', 'pods'),
  rule('update patch', '', 'pods/status'),
  rule('create', '', 'pods/eviction'),
  rule('create get list watch', 'certificates.k8s.io', 'certificatesigningrequests'),
  rule('get list watch', 'node.k8s.io', 'runtimeclasses'),
  rule('get list watch', 'storage.k8s.io', 'csidrivers'),
  rule('get list watch', 'discovery.k8s.io', 'endpointslices'),
  paths('get', '/healthz /livez /readyz /version /version/ /api /api/* /apis /apis/* /openapi /openapi/*'),
];
