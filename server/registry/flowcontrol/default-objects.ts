/** The objects that every cluster has. Facts of upstream's `apis/flowcontrol/bootstrap`, made on demand. */
import type {
  FlowSchema,
  FlowSchemaSpec,
  PolicyRulesWithSubjects,
  PriorityLevelConfiguration,
  PriorityLevelConfigurationSpec,
  ResourcePolicyRule,
  Subject,
} from '#proto/schema/generated/flowcontrol-v1.ts';

/** Those without which no request could be told what it is. */
export const MANDATORY = ['exempt', 'catch-all'];

const metadata = (name: string) => ({
  metadata: { name, annotations: { 'apf.kubernetes.io/autoupdate-spec': 'true' } },
});

const limited = (
  name: string,
  nominalConcurrencyShares: number,
  lendablePercent: number,
  hand?: readonly [queues: number, handSize: number],
): PriorityLevelConfiguration => ({
  ...metadata(name),
  spec: {
    type: 'Limited',
    limited: {
      nominalConcurrencyShares,
      lendablePercent,
      limitResponse: hand
        ? { type: 'Queue', queuing: { queues: hand[0], handSize: hand[1], queueLengthLimit: 50 } }
        : { type: 'Reject' },
    },
  } satisfies PriorityLevelConfigurationSpec,
});

export const defaultPriorityLevels = (): PriorityLevelConfiguration[] => [
  {
    ...metadata('exempt'),
    spec: { type: 'Exempt', exempt: { nominalConcurrencyShares: 0, lendablePercent: 0 } },
  },
  limited('catch-all', 5, 0),
  limited('system', 30, 33, [64, 6]),
  limited('node-high', 40, 25, [64, 6]),
  limited('leader-election', 10, 0, [16, 4]),
  limited('workload-high', 40, 50, [128, 6]),
  limited('workload-low', 100, 90, [128, 6]),
  limited('global-default', 20, 50, [128, 6]),
];

const group = (name: string): Subject => ({ kind: 'Group', group: { name } });
const user = (name: string): Subject => ({ kind: 'User', user: { name } });
const KUBE_SYSTEM: Subject = {
  kind: 'ServiceAccount',
  serviceAccount: { name: '*', namespace: 'kube-system' },
};
const EVERYBODY = [group('system:unauthenticated'), group('system:authenticated')];

const everything = (...subjects: Subject[]): PolicyRulesWithSubjects => ({
  subjects,
  resourceRules: [
    { verbs: ['*'], apiGroups: ['*'], resources: ['*'], clusterScope: true, namespaces: ['*'] },
  ],
  nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
});
const leases = (...verbs: string[]): ResourcePolicyRule => ({
  verbs,
  apiGroups: ['coordination.k8s.io'],
  resources: ['leases'],
  namespaces: ['*'],
});

function schema(
  name: string,
  level: string,
  matchingPrecedence: number,
  by: 'ByUser' | 'ByNamespace' | undefined,
  ...rules: PolicyRulesWithSubjects[]
): FlowSchema {
  const spec: FlowSchemaSpec = {
    priorityLevelConfiguration: { name: level },
    matchingPrecedence,
    ...(by ? { distinguisherMethod: { type: by } } : {}),
    rules,
  };
  return { ...metadata(name), spec };
}

export const defaultFlowSchemas = (): FlowSchema[] => [
  schema('exempt', 'exempt', 1, undefined, everything(group('system:masters'))),
  schema('catch-all', 'catch-all', 10_000, 'ByUser', everything(...EVERYBODY)),
  schema('system-nodes', 'system', 500, 'ByUser', everything(group('system:nodes'))),
  schema('system-node-high', 'node-high', 400, 'ByUser', {
    subjects: [group('system:nodes')],
    resourceRules: [
      {
        verbs: ['*'],
        apiGroups: [''],
        resources: ['nodes', 'nodes/status'],
        clusterScope: true,
        namespaces: ['*'],
      },
      leases('*'),
    ],
  }),
  schema('probes', 'exempt', 2, undefined, {
    subjects: EVERYBODY,
    nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['/healthz', '/readyz', '/livez'] }],
  }),
  schema('system-leader-election', 'leader-election', 100, 'ByUser', {
    subjects: [user('system:kube-controller-manager'), user('system:kube-scheduler'), KUBE_SYSTEM],
    resourceRules: [leases('get', 'create', 'update')],
  }),
  schema(
    'kube-controller-manager',
    'workload-high',
    800,
    'ByNamespace',
    everything(user('system:kube-controller-manager')),
  ),
  schema('kube-scheduler', 'workload-high', 800, 'ByNamespace', everything(user('system:kube-scheduler'))),
  schema('kube-system-service-accounts', 'workload-high', 900, 'ByNamespace', everything(KUBE_SYSTEM)),
  schema('service-accounts', 'workload-low', 9000, 'ByUser', everything(group('system:serviceaccounts'))),
  schema('global-default', 'global-default', 9900, 'ByUser', everything(...EVERYBODY)),
];
