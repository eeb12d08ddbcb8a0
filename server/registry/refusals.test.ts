import { describe, expect, it } from 'vitest';
import type { KubeObject } from '#proto/meta/object.ts';
import type { Event } from '#proto/schema/generated/core-v1.ts';
import { event } from '#server/registry/core/event.ts';
import { strategies } from '#server/registry/index.ts';
import { aContext, createProblems } from '#server/registry/registry.case.ts';
import type { Strategy } from '#server/registry/strategy.ts';

const strategyOf = (id: string): Strategy => {
  const strategy = strategies.get(id);
  if (!strategy) throw new Error(`no strategy for ${id}`);
  return strategy;
};
const object = (fields: Record<string, unknown>): KubeObject => ({
  metadata: { name: 'x', namespace: 'default' },
  ...structuredClone(fields),
});

const autoscaler = (more: Record<string, unknown>): Record<string, unknown> => ({
  spec: { scaleTargetRef: { kind: 'Deployment', name: 'd', apiVersion: 'apps/v1' }, maxReplicas: 3, ...more },
});
const volume = (more: Record<string, unknown>): Record<string, unknown> => ({
  spec: { accessModes: ['ReadWriteOnce'], capacity: { storage: '1Gi' }, hostPath: { path: '/x' }, ...more },
});
const claim = (more: Record<string, unknown>): Record<string, unknown> => ({
  spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, ...more },
});
const pod = (
  container: Record<string, unknown>,
  more: Record<string, unknown> = {},
): Record<string, unknown> => ({
  spec: { containers: [{ name: 'c', image: 'i', ...container }], ...more },
});
const devices = (more: Record<string, unknown>): Record<string, unknown> => ({
  spec: { devices: { requests: [{ name: 'a', exactly: { deviceClassName: 'x' } }], ...more } },
});
const CLAIMS = 'resource.k8s.io/resourceclaims';
const AUTOSCALERS = 'autoscaling/horizontalpodautoscalers';
const POLICIES = 'networking.k8s.io/networkpolicies';

/** What kube-apiserver 1.36 answers to the same objects. */
describe('refusals', () => {
  it.each<[string, Record<string, unknown>, string[]]>([
    [
      '/pods',
      pod({ resources: { limits: { 'hugepages-2Mi': '3Mi' } } }),
      [
        'spec.containers[0].resources.limits[hugepages-2Mi]: Invalid value: "3Mi": 3Mi is not positive integer multiple of hugepages-2Mi',
        'spec.containers[0].resources.requests[hugepages-2Mi]: Invalid value: "3Mi": 3Mi is not positive integer multiple of hugepages-2Mi',
        'spec.containers[0].resources: Forbidden: HugePages require cpu or memory',
      ],
    ],
    [
      '/pods',
      pod({ resources: { limits: { cpu: '1' }, requests: { cpu: '2', foo: '1' } } }),
      [
        'spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1',
        'spec.containers[0].resources.requests[foo]: Invalid value: "foo": must be a standard resource type or fully qualified',
        'spec.containers[0].resources.requests[foo]: Invalid value: "foo": must be a standard resource for containers',
      ],
    ],
    [
      '/pods',
      pod(
        { securityContext: { runAsUser: 1, privileged: false } },
        { os: { name: 'windows' }, hostPID: true, securityContext: { fsGroup: 1 } },
      ),
      [
        'spec.hostPID: Forbidden: cannot be set for a windows pod',
        'spec.securityContext.fsGroup: Forbidden: cannot be set for a windows pod',
        'spec.containers[0].securityContext.privileged: Forbidden: cannot be set for a windows pod',
        'spec.containers[0].securityContext.runAsUser: Forbidden: cannot be set for a windows pod',
      ],
    ],
    [
      '/pods',
      pod({ securityContext: { windowsOptions: {} } }, { os: { name: 'linux' } }),
      [
        'spec.containers[0].securityContext.windowsOptions: Forbidden: windows options cannot be set for a linux pod',
      ],
    ],
    [
      '/pods',
      pod({}, { os: { name: 'x' } }),
      ['spec.os: Unsupported value: "x": supported values: "linux", "windows"'],
    ],
    [
      '/pods',
      pod({}, { resourceClaims: [{ name: 'a', resourceClaimName: 'x', resourceClaimTemplateName: 'y' }] }),
      [
        'spec.resourceClaims[0]: Invalid value: {"Name":"a","ResourceClaimName":"x","ResourceClaimTemplateName":"y"}: at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified',
      ],
    ],
    [
      '/pods',
      pod(
        {},
        {
          serviceAccountName: 'default',
          volumes: [
            { name: 'v', hostPath: { path: '' }, emptyDir: {} },
            { name: 'w', downwardAPI: { items: [{ path: '' }] } },
            { name: 'x', projected: { sources: [{ serviceAccountToken: { path: '' } }] } },
          ],
        },
      ),
      [
        'spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type',
        'spec.volumes[1].downwardAPI.path: Required value',
        'spec.volumes[1].downwardAPI: Required value: one of fieldRef and resourceFieldRef is required',
        'spec.volumes[2].projected.path: Required value',
      ],
    ],
    [
      'batch/jobs',
      {
        spec: {
          maxFailedIndexes: 1,
          selector: { matchLabels: { a: 'b' } },
          template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i' }] } },
        },
      },
      [
        'spec.selector: Invalid value: {"matchLabels":{"a":"b","batch.kubernetes.io/controller-uid":"uid-1"}}: `selector` not auto-generated',
        'spec.backoffLimitPerIndex: Required value: when maxFailedIndexes is specified',
        'spec.maxFailedIndexes: Invalid value: 1: requires indexed completion mode',
        'spec.template.metadata.labels: Invalid value: {"batch.kubernetes.io/controller-uid":"uid-1","controller-uid":"uid-1","batch.kubernetes.io/job-name":"x","job-name":"x"}: `selector` does not match template `labels`',
      ],
    ],
    [
      'batch/jobs',
      {
        spec: {
          managedBy: 'me',
          template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i' }] } },
        },
      },
      ['spec.managedBy: Invalid value: "me": must be a domain-prefixed path (such as "acme.io/foo")'],
    ],
    [CLAIMS, devices({}), []],
    [
      CLAIMS,
      devices({
        requests: [
          { name: 'A_' },
          { name: 'a', exactly: { deviceClassName: '', allocationMode: 'x' } },
          { name: 'a', exactly: { deviceClassName: 'x', allocationMode: 'All', count: 1 } },
          {
            name: 'c',
            firstAvailable: [
              { name: 'b', deviceClassName: 'x', selectors: [{}] },
              { name: 'b', deviceClassName: 'x', count: -1 },
            ],
          },
        ],
      }),
      [
        `spec.devices.requests[0].name: Invalid value: "A_": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')`,
        'spec.devices.requests[0]: Required value: exactly one of `exactly` or `firstAvailable` is required',
        'spec.devices.requests[1].exactly.deviceClassName: Required value',
        'spec.devices.requests[1].exactly.allocationMode: Unsupported value: "x": supported values: "All", "ExactCount"',
        "spec.devices.requests[2].exactly.count: Invalid value: 1: must not be specified when allocationMode is 'All'",
        'spec.devices.requests[3].firstAvailable[0].selectors[0].cel: Required value',
        'spec.devices.requests[3].firstAvailable[1].count: Invalid value: -1: must be greater than zero',
        'spec.devices.requests[3].firstAvailable[1]: Duplicate value: "b"',
        'spec.devices.requests[2]: Duplicate value: "a"',
      ],
    ],
    [
      CLAIMS,
      devices({
        constraints: [{ requests: ['z', 'a', 'a'], matchAttribute: 'x' }, { matchAttribute: 'a.b/c' }],
        config: [
          {},
          { opaque: { driver: '', parameters: null } },
          { opaque: { driver: 'a.b', parameters: {} } },
        ],
      }),
      [
        `spec.devices.constraints[0].requests[0]: Invalid value: "z": must be the name of a request in the claim or the name of a request and a subrequest separated by '/'`,
        'spec.devices.constraints[0].requests[2]: Duplicate value: "a"',
        'spec.devices.constraints[0].matchAttribute: Invalid value: "x": a fully qualified name must be a domain and a name separated by a slash',
        'spec.devices.config[0].opaque: Required value',
        'spec.devices.config[1].opaque.driver: Required value',
        'spec.devices.config[1].opaque.parameters: Required value',
      ],
    ],
    [AUTOSCALERS, autoscaler({}), []],
    [
      AUTOSCALERS,
      autoscaler({ maxReplicas: 0 }),
      [
        'spec.maxReplicas: Required value: must be set and greater than 0',
        'spec.maxReplicas: Invalid value: 0: must be greater than or equal to `minReplicas`',
      ],
    ],
    [
      AUTOSCALERS,
      autoscaler({ minReplicas: 0 }),
      [
        'spec.minReplicas: Invalid value: 0: must be greater than or equal to 1',
        'spec.metrics: Forbidden: must specify at least one Object or External metric to support scaling to zero replicas',
      ],
    ],
    [
      AUTOSCALERS,
      autoscaler({ scaleTargetRef: { kind: 'Deployment', name: 'a', apiVersion: 'v1' } }),
      ['spec.scaleTargetRef.apiVersion: Invalid value: "v1": apiVersion must specify API group'],
    ],
    [
      AUTOSCALERS,
      autoscaler({ scaleTargetRef: { kind: 'ReplicationController', name: 'a', apiVersion: 'v1' } }),
      [],
    ],
    [
      AUTOSCALERS,
      autoscaler({
        metrics: [
          { type: 'Object', object: { metric: { name: 'a' }, target: { type: 'Value' } } },
          {
            type: 'External',
            external: { metric: { name: 'a/b' }, target: { type: 'AverageValue', averageValue: '-1' } },
          },
          { type: 'Pods', pods: { metric: { name: '' }, target: { type: 'Value', value: '1' } } },
          {
            type: 'Resource',
            resource: { name: 'cpu', target: { type: 'x', averageUtilization: 5, averageValue: '1' } },
          },
          {
            type: 'Pods',
            resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 5 } },
          },
        ],
      }),
      [
        'spec.metrics[0].object.describedObject.kind: Required value',
        'spec.metrics[0].object.describedObject.name: Required value',
        'spec.metrics[0].object.target.averageValue: Required value: must set either a target value or averageValue',
        `spec.metrics[1].external.metric.name: Invalid value: "a/b": may not contain '/'`,
        'spec.metrics[1].external.target.averageValue: Invalid value: "-1": must be positive',
        'spec.metrics[2].pods.metric.name: Required value: must specify a metric name',
        'spec.metrics[2].pods.target.averageValue: Required value: must specify a positive target averageValue',
        'spec.metrics[3].resource.target.type: Invalid value: "x": must be either Utilization, Value, or AverageValue',
        'spec.metrics[3].resource.target.averageValue: Forbidden: may not set both a target raw value and a target utilization',
        'spec.metrics[4].pods: Required value: must populate information for the given metric source',
      ],
    ],
    [
      '/persistentvolumes',
      volume({ capacity: { storage: '0', cpu: '1' }, nodeAffinity: {} }),
      [
        'spec.capacity: Unsupported value: {"storage":"0","cpu":"1"}: supported values: "storage"',
        'spec.capacity[storage]: Invalid value: "0": must be greater than zero',
        'spec.nodeAffinity.required: Required value: must specify required node constraints',
      ],
    ],
    [
      '/persistentvolumes',
      volume({ nfs: {} }),
      ['spec.nfs: Forbidden: may not specify more than 1 volume type'],
    ],
    ['/persistentvolumeclaims', claim({ dataSource: { kind: 'Unknown', name: '' } }), []],
    [
      '/persistentvolumeclaims',
      claim({
        dataSource: { kind: 'PersistentVolumeClaim', name: 'y' },
        dataSourceRef: { kind: 'PersistentVolumeClaim', name: 'x' },
      }),
      ['spec: Invalid value: {}: must match dataSourceRef'],
    ],
    [
      '/limitranges',
      {
        spec: {
          limits: [
            {
              type: 'Container',
              max: { cpu: '1' },
              min: { cpu: '2' },
              default: { cpu: '3' },
              defaultRequest: { cpu: '4' },
              maxLimitRequestRatio: { cpu: '0' },
            },
            { type: 'PersistentVolumeClaim' },
          ],
        },
      },
      [
        'spec.limits[0].min[cpu]: Invalid value: "2": min value 2 is greater than max value 1',
        'spec.limits[0].defaultRequest[cpu]: Invalid value: "4": default request value 4 is greater than max value 1',
        'spec.limits[0].defaultRequest[cpu]: Invalid value: "4": default request value 4 is greater than default limit value 3',
        'spec.limits[0].default[cpu]: Invalid value: "1": default value 3 is greater than max value 1',
        'spec.limits[0].maxLimitRequestRatio[cpu]: Invalid value: "0": ratio 0 is less than 1',
        'spec.limits[1].limits: Required value: either minimum or maximum storage value is required, but neither was provided',
      ],
    ],
    [
      '/nodes',
      { spec: { podCIDRs: ['10.0.0.0/24', '10.0.1.0/24'] }, status: { capacity: { cpu: '-1' } } },
      [
        'status.capacity.cpu: Invalid value: "-1": must be greater than or equal to 0',
        'status.allocatable.cpu: Invalid value: "-1": must be greater than or equal to 0',
        'spec.podCIDRs: Invalid value: ["10.0.0.0/24","10.0.1.0/24"]: may specify no more than one CIDR for each IP family',
      ],
    ],
    [
      POLICIES,
      {
        spec: {
          policyTypes: ['x'],
          ingress: [
            {
              ports: [{ endPort: 5 }, { port: 80, endPort: 79 }],
              from: [{ ipBlock: { cidr: '10.0.0.0/8', except: ['11.0.0.0/8', '10.1.0.0/16'] } }],
            },
          ],
        },
      },
      [
        'spec.ingress[0].ports[0].endPort: Invalid value: 5: may not be specified when `port` is not specified',
        'spec.ingress[0].ports[1].endPort: Invalid value: 80: must be greater than or equal to `port`',
        'spec.ingress[0].from[0].ipBlock.except[0]: Invalid value: "11.0.0.0/8": must be a strict subset of `cidr`',
        'spec.policyTypes[0]: Unsupported value: "x": supported values: "Ingress", "Egress"',
      ],
    ],
    [
      'networking.k8s.io/ingressclasses',
      { spec: { controller: 'a' } },
      ['spec.controller: Invalid value: "a": must be a domain-prefixed path (such as "acme.io/foo")'],
    ],
    ['networking.k8s.io/ingressclasses', { spec: { controller: 'acme.io/foo' } }, []],
    [
      'storage.k8s.io/storageclasses',
      {
        provisioner: 'a',
        parameters: { '': 'x' },
        allowedTopologies: [{ matchLabelExpressions: [{ key: 'a', values: ['b', 'b'] }] }],
      },
      [
        'parameters: Invalid value: "": field can not be empty.',
        'allowedTopologies[0].matchLabelExpressions[0].values[1]: Duplicate value: "b"',
      ],
    ],
    [
      'storage.k8s.io/csidrivers',
      {
        spec: {
          volumeLifecycleModes: ['x'],
          fsGroupPolicy: 'x',
          tokenRequests: [{ audience: 'a' }, { audience: 'a', expirationSeconds: 5 }],
          nodeAllocatableUpdatePeriodSeconds: 5,
        },
      },
      [
        'spec.volumeLifecycleModes: Unsupported value: "x": supported values: "Persistent", "Ephemeral"',
        'spec.fsGroupPolicy: Unsupported value: "x": supported values: "File", "None", "ReadWriteOnceWithFSType"',
        'spec.tokenRequests[1].audience: Duplicate value: "a"',
        'spec.tokenRequests[1].expirationSeconds: Invalid value: 5: may not specify a duration less than 10 minutes',
        'spec.nodeAllocatableUpdatePeriodSeconds: Invalid value: 5: must be greater than or equal to 10 seconds',
      ],
    ],
    [
      'storage.k8s.io/volumeattachments',
      { spec: { attacher: 'a', nodeName: 'a', source: { persistentVolumeName: 'x', inlineVolumeSpec: {} } } },
      ['spec.source: Forbidden: must specify exactly one of inlineVolumeSpec and persistentVolumeName'],
    ],
    [
      'storage.k8s.io/volumeattributesclasses',
      { driverName: 'a.b' },
      ['parameters: Required value: must contain at least one key/value pair'],
    ],
    [
      'rbac.authorization.k8s.io/clusterroles',
      { aggregationRule: {} },
      [
        'aggregationRule.clusterRoleSelectors: Required value: at least one clusterRoleSelector required if aggregationRule is non-nil',
      ],
    ],
    [
      'networking.k8s.io/servicecidrs',
      { spec: { cidrs: ['10.99.0.0/16', '10.98.0.0/16'] } },
      [
        'spec.cidrs: Invalid value: ["10.99.0.0/16","10.98.0.0/16"]: may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64',
      ],
    ],
    [
      'discovery.k8s.io/endpointslices',
      {
        addressType: 'IPv4',
        endpoints: [
          { addresses: ['0.0.0.0', '127.0.0.1'], hints: { forZones: [{ name: 'a' }, { name: 'a' }] } },
        ],
      },
      [
        'endpoints[0].addresses[0]: Invalid value: "0.0.0.0": may not be unspecified (0.0.0.0)',
        'endpoints[0].hints.forZones[1].name: Duplicate value: "a"',
      ],
    ],
  ])('%s %j', (id, fields, expected) => {
    expect(createProblems(strategyOf(id), object(fields))).toEqual(expected);
  });
});

describe('events', () => {
  const aSeries = { count: 1, lastObservedTime: '2026-01-01T00:00:00.000000Z' };
  const good: Event = {
    metadata: { name: 'x', namespace: 'default' },
    involvedObject: { namespace: 'default' },
    eventTime: '2026-01-01T00:00:00.000000Z',
    reportingComponent: 'a.b/c',
    reportingInstance: 'i',
    action: 'A',
    reason: 'R',
    type: 'Normal',
  };
  const problems = (fields: Partial<Event>, group: string): string[] =>
    (event.validate?.({ ...good, ...fields }, aContext({ group })) ?? []).map(
      ({ field, message }) => `${field}: ${message}`,
    );

  it.each<[string, Partial<Event>, string[]]>([
    ['events.k8s.io', {}, []],
    ['events.k8s.io', { involvedObject: { namespace: 'elsewhere' } }, []],
    [
      'events.k8s.io',
      { reportingInstance: '', action: 'x'.repeat(129), message: 'x'.repeat(1025), type: 'x' },
      [
        'reportingInstance: Required value',
        'action: Invalid value: "": can have at most 128 characters',
        'message: Invalid value: "": can have at most 1024 characters',
        'type: Invalid value: "": has invalid value: x',
      ],
    ],
    [
      'events.k8s.io',
      { series: aSeries, count: 5, source: { component: 'x' } },
      [
        'series.count: Invalid value: "": should be at least 2',
        'count: Invalid value: "": needs to be unset',
        'source: Invalid value: "": needs to be unset',
      ],
    ],
    ['', { series: aSeries, count: 5, type: 'x' }, []],
    ['', { reportingInstance: '' }, ['reportingInstance: Required value']],
  ])('by group "%s", %j', (group, fields, expected) => expect(problems(fields, group)).toEqual(expected));
});
