/** Random Pods and nodes that meet each other's rules often enough. */
import fc from 'fast-check';
import type {
  Affinity,
  ContainerPort,
  NodeSpec,
  PodAffinityTerm,
  PodSpec,
  TopologySpreadConstraint,
} from '#proto/schema/generated/core-v1.ts';
import type { LabelSelector } from '#proto/schema/generated/meta-v1.ts';
import { aContainer, type NodeParts } from '../fixtures.ts';

export const ZONE = 'topology.kubernetes.io/zone';
export const HOST = 'kubernetes.io/hostname';

const cpu = fc.constantFrom('0', '100m', '250m', '1', '1500m');
const memory = fc.constantFrom('0', '64Mi', '512Mi', '1Gi');
const gpio = fc.constantFrom('0', '0', '1');
const port = fc.record({
  containerPort: fc.constant(80),
  hostPort: fc.constantFrom(0, 80, 443),
  hostIP: fc.constantFrom(undefined, '0.0.0.0', '10.0.0.1', '10.0.0.2'),
  protocol: fc.constantFrom('TCP', 'UDP'),
}) as fc.Arbitrary<ContainerPort>;
const container = fc
  .tuple(
    fc.option(fc.record({ cpu, memory, 'example.com/gpio': gpio }), { nil: undefined }),
    fc.array(port, { maxLength: 1 }),
  )
  .map(([requests, ports]) => aContainer(requests, { ports }));

const selector: fc.Arbitrary<LabelSelector | undefined> = fc.constantFrom<(LabelSelector | undefined)[]>(
  { matchLabels: { app: 'web' } },
  { matchLabels: { app: 'db' } },
  { matchExpressions: [{ key: 'app', operator: 'In', values: ['web', 'db'] }] },
  { matchExpressions: [{ key: 'app', operator: 'NotIn', values: ['db'] }] },
  { matchExpressions: [{ key: 'tier', operator: 'Exists' }] },
  { matchExpressions: [{ key: 'tier', operator: 'DoesNotExist' }] },
  {},
  undefined,
);
const term: fc.Arbitrary<PodAffinityTerm> = fc.record({
  topologyKey: fc.constantFrom(ZONE, HOST, 'rack'),
  labelSelector: selector,
  namespaces: fc.constantFrom<(string[] | undefined)[]>(undefined, undefined, ['one'], ['one', 'two']),
  namespaceSelector: fc.constantFrom<(LabelSelector | undefined)[]>(
    undefined,
    undefined,
    {},
    { matchLabels: { team: 'a' } },
  ),
});
const terms: fc.Arbitrary<PodAffinityTerm[]> = fc.oneof(
  { weight: 2, arbitrary: fc.constant<PodAffinityTerm[]>([]) },
  { weight: 1, arbitrary: fc.array(term, { minLength: 1, maxLength: 2 }) },
);
const affinity: fc.Arbitrary<Affinity | undefined> = fc
  .tuple(terms, terms, terms)
  .map(([near, far, preferred]) => ({
    podAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: near,
      preferredDuringSchedulingIgnoredDuringExecution: preferred.map((podAffinityTerm) => ({
        weight: 10,
        podAffinityTerm,
      })),
    },
    podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: far },
  }));
const constraint: fc.Arbitrary<TopologySpreadConstraint> = fc.record({
  maxSkew: fc.constantFrom(1, 2),
  topologyKey: fc.constantFrom(ZONE, HOST, 'rack'),
  whenUnsatisfiable: fc.constantFrom('DoNotSchedule', 'DoNotSchedule', 'ScheduleAnyway'),
  labelSelector: selector,
  minDomains: fc.constantFrom(undefined, undefined, 2),
  matchLabelKeys: fc.constantFrom<(string[] | undefined)[]>(undefined, undefined, ['tier']),
  nodeAffinityPolicy: fc.constantFrom(undefined, 'Honor', 'Ignore'),
  nodeTaintsPolicy: fc.constantFrom(undefined, 'Honor', 'Ignore'),
});

export const podSpec = fc.record({
  containers: fc.array(container, { minLength: 1, maxLength: 2 }),
  initContainers: fc.array(
    fc
      .tuple(container, fc.boolean())
      .map(([c, sidecar]) => (sidecar ? { ...c, restartPolicy: 'Always' } : c)),
    { maxLength: 2 },
  ),
  priority: fc.constantFrom(0, 0, 10, 20),
  preemptionPolicy: fc.constantFrom(undefined, undefined, undefined, 'Never'),
  nodeSelector: fc.constantFrom(undefined, undefined, undefined, { disk: 'ssd' }, { disk: 'hdd' }),
  tolerations: fc.constantFrom(undefined, [], [{ key: 'dedicated', operator: 'Exists' }]),
  affinity: fc.oneof({ weight: 1, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: affinity }),
  topologySpreadConstraints: fc.oneof(
    { weight: 1, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.array(constraint, { minLength: 1, maxLength: 2 }) },
  ),
}) as fc.Arbitrary<PodSpec>;

export const podLabels = fc.constantFrom<Record<string, string>[]>(
  {},
  { app: 'web' },
  { app: 'db' },
  { app: 'web', tier: 'front' },
  { app: 'web', tier: 'back' },
);

export const NAMESPACES: Readonly<Record<string, Record<string, string>>> = {
  one: { team: 'a' },
  two: { team: 'b' },
};

export const nodeParts: fc.Arbitrary<NodeParts> = fc.record({
  labels: fc.constantFrom<Record<string, string>[]>(
    {},
    { disk: 'ssd', [ZONE]: 'west', rack: '1' },
    { disk: 'ssd', [ZONE]: 'east' },
    { disk: 'hdd', [ZONE]: 'east', rack: '2' },
  ),
  spec: fc.constantFrom<NodeSpec[]>(
    {},
    {},
    {},
    { unschedulable: true },
    { taints: [{ key: 'dedicated', effect: 'NoSchedule' }] },
    { taints: [{ key: 'old', effect: 'PreferNoSchedule' }] },
  ),
  allocatable: fc.record({
    cpu: fc.constantFrom('0', '1', '4'),
    memory: fc.constantFrom('512Mi', '4Gi'),
    pods: fc.constantFrom('1', '3', '110'),
    'example.com/gpio': fc.constantFrom('0', '1', '2'),
  }),
});

/** A small generator of our own, so that two runs draw the same figures. */
export function drawing(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
