import { describe, expect, it } from 'vitest';
import type { KubeObject } from '#proto/meta/object.ts';
import { strategies } from '#server/registry/index.ts';
import { created, createProblems, updateProblems } from '#server/registry/registry.case.ts';

const GROUP = 'rbac.authorization.k8s.io';

/** An object as it comes from a client: any shape. */
const object = (fields: Record<string, unknown>, name = 'x'): KubeObject => ({
  metadata: { name, namespace: 'default' },
  ...fields,
});

const strategyOf = (id: string) => {
  const strategy = strategies.get(id);
  if (!strategy) throw new Error(`no strategy for ${id}`);
  return strategy;
};

describe('defaults of the other groups', () => {
  it.each<[string, Record<string, unknown>, Record<string, unknown>]>([
    [
      `${GROUP}/rolebindings`,
      {
        roleRef: { kind: 'Role', name: 'r' },
        subjects: [
          { kind: 'User', name: 'u' },
          { kind: 'ServiceAccount', name: 's' },
        ],
      },
      {
        roleRef: { apiGroup: GROUP },
        subjects: [{ apiGroup: GROUP }, { kind: 'ServiceAccount', name: 's' }],
      },
    ],
    [
      'networking.k8s.io/networkpolicies',
      { spec: { egress: [{}] } },
      { spec: { policyTypes: ['Ingress', 'Egress'] } },
    ],
    [
      'storage.k8s.io/storageclasses',
      { provisioner: 'p' },
      { reclaimPolicy: 'Delete', volumeBindingMode: 'Immediate' },
    ],
    ['scheduling.k8s.io/priorityclasses', { value: 1 }, { preemptionPolicy: 'PreemptLowerPriority' }],
    [
      'discovery.k8s.io/endpointslices',
      { ports: [{ port: 80 }] },
      { endpoints: [], ports: [{ name: '', protocol: 'TCP' }] },
    ],
    [
      'autoscaling/horizontalpodautoscalers',
      { spec: { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'd' }, maxReplicas: 3 } },
      {
        spec: { minReplicas: 1, metrics: [{ type: 'Resource', resource: { name: 'cpu' } }] },
        status: { desiredReplicas: 0 },
      },
    ],
  ])('%s', (id, fields, expected) => expect(created(strategyOf(id), object(fields))).toMatchObject(expected));

  it('a status that a client sends is not taken', () => {
    const sent = object({ spec: { podSelector: {} }, status: { replicas: 7 } });
    expect(created(strategyOf('apps/deployments'), sent)).toMatchObject({ status: {} });
    expect(created(strategyOf('apps/deployments'), sent)).not.toMatchObject({ status: { replicas: 7 } });
  });

  it('who signs a request is what the server saw', () => {
    const sent = object({
      spec: { request: '', signerName: 'a.b/c', username: 'root', groups: ['system:masters'] },
    });
    const { spec } = created(
      strategyOf('certificates.k8s.io/certificatesigningrequests'),
      sent,
    ) as unknown as {
      spec: Record<string, unknown>;
    };
    expect(spec).toMatchObject({ username: 'someone' });
    expect(spec['groups']).toEqual([]);
  });
});

describe('validation of the other groups', () => {
  it.each<[string, Record<string, unknown>, string[]]>([
    [
      `${GROUP}/roles`,
      { rules: [{ verbs: [], resources: ['pods'], apiGroups: [''] }] },
      ['rules[0].verbs: Required value: verbs must contain at least one value'],
    ],
    [
      `${GROUP}/roles`,
      { rules: [{ verbs: ['get'], nonResourceURLs: ['/healthz'] }] },
      [
        'rules[0].nonResourceURLs: Invalid value: ["/healthz"]: namespaced rules cannot apply to non-resource URLs',
      ],
    ],
    [
      `${GROUP}/clusterrolebindings`,
      { roleRef: { kind: 'Role', name: 'r' }, subjects: [{ kind: 'ServiceAccount', name: 's' }] },
      [
        'roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole"',
        'subjects[0].namespace: Required value',
      ],
    ],
    [
      'networking.k8s.io/ingresses',
      { spec: {} },
      ['spec: Invalid value: null: either `defaultBackend` or `rules` must be specified'],
    ],
    [
      'networking.k8s.io/ingresses',
      {
        spec: {
          rules: [
            { http: { paths: [{ path: '/', backend: { service: { name: 'web', port: { number: 80 } } } }] } },
          ],
        },
      },
      ['spec.rules[0].http.paths[0].pathType: Required value: pathType must be specified'],
    ],
    [
      'networking.k8s.io/networkpolicies',
      { spec: { ingress: [{ from: [{ ipBlock: { cidr: '10.0.0.0/33' } }] }] } },
      [
        'spec.ingress[0].from[0].ipBlock.cidr: Invalid value: "10.0.0.0/33": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)',
      ],
    ],
    ['storage.k8s.io/storageclasses', {}, ['provisioner: Required value']],
    [
      'coordination.k8s.io/leases',
      { spec: { leaseDurationSeconds: 0 } },
      ['spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0'],
    ],
    [
      'policy/poddisruptionbudgets',
      { spec: { maxUnavailable: '150%' } },
      ['spec.maxUnavailable: Invalid value: "150%": must not be greater than 100%'],
    ],
    [
      'discovery.k8s.io/endpointslices',
      { addressType: 'IPv4', endpoints: [{ addresses: ['fe80::1'] }] },
      ['endpoints[0].addresses: Invalid value: "fe80::1": must be an IPv4 address'],
    ],
    [
      'autoscaling/horizontalpodautoscalers',
      {
        spec: {
          scaleTargetRef: { kind: 'Deployment', name: 'd', apiVersion: 'apps/v1' },
          minReplicas: 3,
          maxReplicas: 2,
        },
      },
      ['spec.maxReplicas: Invalid value: 2: must be greater than or equal to `minReplicas`'],
    ],
    [
      'scheduling.k8s.io/priorityclasses',
      { value: 2_000_000_000 },
      ['value: Forbidden: maximum allowed value of a user defined priority is 1000000000'],
    ],
    [
      'apiextensions.k8s.io/customresourcedefinitions',
      {
        spec: {
          group: 'example.com',
          scope: 'Namespaced',
          names: { plural: 'boats', kind: 'Boat' },
          versions: [
            { name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } },
          ],
        },
      },
      ['metadata.name: Invalid value: "x": must be spec.names.plural+"."+spec.group'],
    ],
  ])('%s', (id, fields, expected) =>
    expect(createProblems(strategyOf(id), object(fields))).toEqual(expected),
  );

  it('a binding keeps its role', () => {
    const binding = object({ roleRef: { kind: 'ClusterRole', name: 'view' } });
    const change = (o: KubeObject): void => {
      Object.assign(o, { roleRef: { apiGroup: GROUP, kind: 'ClusterRole', name: 'admin' } });
    };
    expect(updateProblems(strategyOf(`${GROUP}/clusterrolebindings`), binding, change)).toEqual([
      `roleRef: Invalid value: {"apiGroup":"${GROUP}","kind":"ClusterRole","name":"admin"}: cannot change roleRef`,
    ]);
  });
});
