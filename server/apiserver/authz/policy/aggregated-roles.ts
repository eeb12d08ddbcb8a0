import type { PolicyRule } from '#proto/schema/generated/rbac-v1.ts';
import { READ, READ_WRITE, rule, WRITE } from '#server/apiserver/authz/policy/rule.ts';

const TO = 'rbac.authorization.k8s.io/aggregate-to-';

export interface AggregatedRole {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly rules: readonly PolicyRule[];
  /** Collects the rules of the roles with this label. */
  readonly aggregates?: string;
}

const CORE =
  'configmaps endpoints persistentvolumeclaims pods replicationcontrollers replicationcontrollers/scale serviceaccounts services';
const APPS =
  'daemonsets deployments deployments/rollback deployments/scale replicasets replicasets/scale statefulsets statefulsets/scale';

const EDIT: readonly PolicyRule[] = [
  rule(READ, '', 'pods/attach pods/exec pods/portforward pods/proxy secrets services/proxy'),
  rule('impersonate', '', 'serviceaccounts'),
  rule(WRITE, '', 'pods pods/attach pods/exec pods/portforward pods/proxy'),
  rule('create', '', 'pods/eviction'),
  rule(
    WRITE,
    '',
    'configmaps events persistentvolumeclaims replicationcontrollers replicationcontrollers/scale secrets serviceaccounts services services/proxy',
  ),
  rule('create', '', 'serviceaccounts/token'),
  rule(WRITE, 'apps', APPS),
  rule(WRITE, 'autoscaling', 'horizontalpodautoscalers'),
  rule(WRITE, 'batch', 'cronjobs jobs'),
  rule(WRITE, 'networking.k8s.io', 'ingresses networkpolicies'),
  rule(WRITE, 'policy', 'poddisruptionbudgets'),
  rule(WRITE, 'events.k8s.io', 'events'),
  rule(READ_WRITE, 'coordination.k8s.io', 'leases'),
];

const VIEW: readonly PolicyRule[] = [
  rule(READ, '', `${CORE} persistentvolumeclaims/status services/status`),
  rule(
    READ,
    '',
    'bindings events limitranges namespaces/status pods/log pods/status replicationcontrollers/status resourcequotas resourcequotas/status',
  ),
  rule(READ, '', 'namespaces'),
  rule(READ, 'discovery.k8s.io', 'endpointslices'),
  rule(
    READ,
    'apps',
    `controllerrevisions ${APPS.replace(' deployments/rollback', '')} daemonsets/status deployments/status replicasets/status statefulsets/status`,
  ),
  rule(READ, 'autoscaling', 'horizontalpodautoscalers horizontalpodautoscalers/status'),
  rule(READ, 'batch', 'cronjobs cronjobs/status jobs jobs/status'),
  rule(READ, 'networking.k8s.io', 'ingresses ingresses/status networkpolicies'),
  rule(READ, 'policy', 'poddisruptionbudgets poddisruptionbudgets/status'),
  rule(READ, 'events.k8s.io', 'events'),
  // What metrics-server's own manifest gives to whoever may view.
  rule('get list', 'metrics.k8s.io', 'nodes pods'),
];

const ADMIN: readonly PolicyRule[] = [
  rule('create', 'authorization.k8s.io', 'localsubjectaccessreviews'),
  rule(READ_WRITE, 'rbac.authorization.k8s.io', 'rolebindings roles'),
];

/** `admin`, `edit` and `view`: a clusterrole controller fills them from what carries their label. */
export const AGGREGATED_ROLES: readonly AggregatedRole[] = [
  { name: 'admin', labels: {}, rules: [], aggregates: `${TO}admin` },
  { name: 'edit', labels: { [`${TO}admin`]: 'true' }, rules: [], aggregates: `${TO}edit` },
  { name: 'view', labels: { [`${TO}edit`]: 'true' }, rules: [], aggregates: `${TO}view` },
  { name: 'system:aggregate-to-admin', labels: { [`${TO}admin`]: 'true' }, rules: ADMIN },
  { name: 'system:aggregate-to-edit', labels: { [`${TO}edit`]: 'true' }, rules: EDIT },
  { name: 'system:aggregate-to-view', labels: { [`${TO}view`]: 'true' }, rules: VIEW },
];
