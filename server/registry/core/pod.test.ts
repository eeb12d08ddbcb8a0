import { describe, expect, it } from 'vitest';
import type { Container, Pod, PodSpec } from '#proto/schema/generated/core-v1.ts';
import { pod } from '#server/registry/core/pod.ts';
import { aContext, aPod, created, createProblems, updateProblems } from '#server/registry/registry.case.ts';

const web: Container = { name: 'web', image: 'hello:1.0' };
const withContainer = (more: Partial<Container>): Partial<PodSpec> => ({ containers: [{ ...web, ...more }] });
const http = (port: number | string) => ({ httpGet: { port } });

describe('pod defaults', () => {
  it('are those of upstream', () => {
    expect(created(pod, aPod()).spec).toEqual({
      containers: [
        {
          name: 'web',
          image: 'hello:1.0',
          imagePullPolicy: 'IfNotPresent',
          terminationMessagePath: '/dev/termination-log',
          terminationMessagePolicy: 'File',
          resources: {},
        },
      ],
      restartPolicy: 'Always',
      dnsPolicy: 'ClusterFirst',
      terminationGracePeriodSeconds: 30,
      schedulerName: 'default-scheduler',
      securityContext: {},
      enableServiceLinks: true,
    });
  });

  it.each([
    ['hello', 'Always'],
    ['hello:latest', 'Always'],
    ['hello:1', 'IfNotPresent'],
    ['localhost:5000/hello', 'Always'],
    ['localhost:5000/hello:1', 'IfNotPresent'],
    [`hello@sha256:${'0'.repeat(64)}`, 'IfNotPresent'],
  ])('pull %s: %s', (image, policy) => {
    expect(created(pod, aPod(withContainer({ image }))).spec.containers[0]?.imagePullPolicy).toBe(policy);
  });

  it('take requests from limits', () => {
    const resources = { limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '100m' } };
    expect(created(pod, aPod(withContainer({ resources }))).spec.containers[0]?.resources?.requests).toEqual({
      cpu: '100m',
      memory: '1Gi',
    });
  });

  it('fill volumes, probes and host ports', () => {
    const { spec } = created(
      pod,
      aPod({
        ...withContainer({ ports: [{ containerPort: 80 }], livenessProbe: http(80) }),
        hostNetwork: true,
        volumes: [{ name: 'a' }, { name: 'b', secret: { secretName: 's' } }],
      }),
    );
    expect(spec.volumes).toEqual([
      { name: 'a', emptyDir: {} },
      { name: 'b', secret: { secretName: 's', defaultMode: 420 } },
    ]);
    expect(spec.containers[0]?.ports).toEqual([{ containerPort: 80, hostPort: 80, protocol: 'TCP' }]);
    expect(spec.containers[0]?.livenessProbe).toEqual({
      httpGet: { port: 80, path: '/', scheme: 'HTTP' },
      timeoutSeconds: 1,
      periodSeconds: 10,
      successThreshold: 1,
      failureThreshold: 3,
    });
  });

  it.each<[string, Partial<Container>, string]>([
    ['nothing asked', {}, 'BestEffort'],
    ['a request', { resources: { requests: { cpu: '1' } } }, 'Burstable'],
    ['one limit', { resources: { limits: { cpu: '1' } } }, 'Burstable'],
    ['both limits', { resources: { limits: { cpu: '1', memory: '1Gi' } } }, 'Guaranteed'],
  ])('status: Pending, %s', (_, container, qosClass) => {
    expect(created(pod, aPod(withContainer(container))).status).toEqual({ phase: 'Pending', qosClass });
  });
});

describe('pod validation', () => {
  it.each<[string, Partial<PodSpec>, string[]]>([
    ['a good pod', {}, []],
    ['no containers', { containers: [] }, ['spec.containers: Required value']],
    ['no image', { containers: [{ name: 'web' }] }, ['spec.containers[0].image: Required value']],
    ['two of a name', { containers: [web, web] }, ['spec.containers[1].name: Duplicate value: "web"']],
    [
      'a bad name',
      withContainer({ name: 'Web' }),
      [
        `spec.containers[0].name: Invalid value: "Web": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')`,
      ],
    ],
    [
      'a port too high',
      withContainer({ ports: [{ containerPort: 70000 }] }),
      [
        'spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive',
      ],
    ],
    [
      'an unknown protocol',
      withContainer({ ports: [{ containerPort: 80, protocol: 'XYZ' }] }),
      [
        'spec.containers[0].ports[0].protocol: Unsupported value: "XYZ": supported values: "SCTP", "TCP", "UDP"',
      ],
    ],
    [
      'a host port twice',
      withContainer({
        ports: [
          { containerPort: 80, hostPort: 80 },
          { containerPort: 81, hostPort: 80 },
        ],
      }),
      ['spec.containers[0].ports[1].hostPort: Duplicate value: "TCP//80"'],
    ],
    [
      'an env without source',
      withContainer({ env: [{ name: 'A', valueFrom: {} }] }),
      [
        'spec.containers[0].env[0].valueFrom: Invalid value: "": must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`',
      ],
    ],
    [
      'an env from an unknown field',
      withContainer({ env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'spec.nope' } } }] }),
      [
        'spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Invalid value: "spec.nope": error converting fieldPath: field label not supported: spec.nope',
      ],
    ],
    [
      'a label as env',
      withContainer({
        env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } } }],
      }),
      [],
    ],
    [
      'a mount of nothing',
      withContainer({ volumeMounts: [{ name: 'data', mountPath: '/data' }] }),
      ['spec.containers[0].volumeMounts[0].name: Not found: "data"'],
    ],
    [
      'two volumes of a name',
      { volumes: [{ name: 'a' }, { name: 'a' }] },
      ['spec.volumes[1].name: Duplicate value: "a"'],
    ],
    [
      'two types of one volume',
      { volumes: [{ name: 'a', emptyDir: {}, hostPath: { path: '/x' } }] },
      ['spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type'],
    ],
    [
      'a probe without handler',
      withContainer({ livenessProbe: {} }),
      ['spec.containers[0].livenessProbe: Required value: must specify a handler type'],
    ],
    [
      'a liveness probe that must succeed twice',
      withContainer({ livenessProbe: { ...http('http'), successThreshold: 2 } }),
      ['spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1'],
    ],
    [
      'more asked than allowed',
      withContainer({ resources: { requests: { cpu: '2' }, limits: { cpu: '1' } } }),
      [
        'spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1',
      ],
    ],
    [
      'a negative request',
      withContainer({ resources: { requests: { cpu: '-1' } } }),
      ['spec.containers[0].resources.requests[cpu]: Invalid value: "-1": must be greater than or equal to 0'],
    ],
    [
      'a toleration without key',
      { tolerations: [{ effect: 'NoSchedule' }] },
      [
        'spec.tolerations[0].operator: Invalid value: "": operator must be Exists when `key` is empty, which means "match all values and all keys"',
      ],
    ],
    [
      'a node affinity without terms',
      {
        affinity: {
          nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [] } },
        },
      },
      [
        'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms: Required value: must have at least one node selector term',
      ],
    ],
    [
      'a spread without skew',
      {
        topologySpreadConstraints: [{ maxSkew: 0, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule' }],
      },
      ['spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero'],
    ],
    [
      'a wrong restart policy',
      { restartPolicy: 'Sometimes' },
      [
        'spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never"',
      ],
    ],
    [
      'a probe of a plain init container',
      { initContainers: [{ ...web, name: 'init', livenessProbe: http(80) }] },
      [
        'spec.initContainers[0].livenessProbe: Forbidden: may not be set for init containers without restartPolicy=Always',
      ],
    ],
  ])('%s', (_, spec, expected) => {
    expect(createProblems(pod, aPod(spec))).toEqual(expected);
  });
});

describe('pod update', () => {
  it.each<[string, Partial<PodSpec>, (p: Pod) => void, string[]]>([
    ['another image', {}, (p) => Object.assign(p.spec.containers[0] as Container, { image: 'hello:2' }), []],
    [
      'one more toleration',
      { tolerations: [{ key: 'a', operator: 'Exists' }] },
      (p) => p.spec.tolerations?.push({ key: 'b', operator: 'Exists' }),
      [],
    ],
    [
      'a shorter deadline',
      { activeDeadlineSeconds: 10 },
      (p) => Object.assign(p.spec, { activeDeadlineSeconds: 5 }),
      [],
    ],
    [
      'a longer deadline',
      { activeDeadlineSeconds: 10 },
      (p) => Object.assign(p.spec, { activeDeadlineSeconds: 20 }),
      ['spec.activeDeadlineSeconds: Invalid value: 20: must be less than or equal to previous value'],
    ],
    [
      'another command',
      {},
      (p) => Object.assign(p.spec.containers[0] as Container, { command: ['x'] }),
      [
        'spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
      ],
    ],
    [
      'one more container',
      {},
      (p) => p.spec.containers.push({ ...web, name: 'more' }),
      ['spec.containers: Forbidden: pod updates may not add or remove containers'],
    ],
  ])('%s', (_, spec, change, expected) => {
    expect(updateProblems(pod, aPod(spec), change)).toEqual(expected);
  });

  it('lets the ephemeralcontainers subresource add one', () => {
    const add = (p: Pod): void => {
      p.spec.ephemeralContainers = [{ name: 'debug', image: 'hello:1' }];
    };
    expect(updateProblems(pod, aPod(), add, aContext({ subresource: 'ephemeralcontainers' }))).toEqual([]);
    expect(updateProblems(pod, aPod(), add)).toHaveLength(1);
  });

  it('resizes within its class of service', () => {
    const resize = aContext({ subresource: 'resize' });
    const burstable = aPod(withContainer({ resources: { requests: { cpu: '1' } } }));
    const setTo = (resources: Container['resources']) => (p: Pod) => {
      Object.assign(p.spec.containers[0] as Container, { resources });
    };
    expect(updateProblems(pod, burstable, setTo({ requests: { cpu: '2' } }), resize)).toEqual([]);
    expect(
      updateProblems(pod, burstable, setTo({ requests: { cpu: '1' }, limits: { cpu: '2' } }), resize),
    ).toEqual([]);
    expect(updateProblems(pod, burstable, setTo({}), resize)).toEqual([
      'spec: Invalid value: "BestEffort": Pod QOS Class may not change as a result of resizing',
      'spec.containers[0].resources.requests: Forbidden: resource requests cannot be removed',
    ]);
    expect(
      updateProblems(pod, burstable, setTo({ requests: { cpu: '1', 'ephemeral-storage': '1Gi' } }), resize),
    ).toEqual(['spec: Forbidden: only cpu and memory resources are mutable']);
    const rename = (p: Pod): void => {
      Object.assign(p.spec.containers[0] as Container, { name: 'other' });
    };
    expect(updateProblems(pod, burstable, rename, resize)).toEqual([
      'spec.containers[0].name: Forbidden: containers may not be renamed or reordered on resize',
    ]);
  });
});
