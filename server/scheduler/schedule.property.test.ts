import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { keyOf } from '#proto/meta/object.ts';
import type { ContainerPort, Node, NodeSpec, Pod, PodSpec } from '#proto/schema/generated/core-v1.ts';
import { FILTERS } from './filter/index.ts';
import { aContainer, aNode, aPod, type NodeParts, ownedBy } from './fixtures.ts';
import { NodeCache, uidOf } from './node-cache.ts';
import { nodeInfoOf } from './node-info.plan.ts';
import { type PodInfo, podInfoOf } from './pod-info.plan.ts';
import { schedule } from './schedule.plan.ts';
import { SCORES } from './score/index.ts';

const RUNS = { seed: 20_260_102, numRuns: 200 };

const cpu = fc.constantFrom('0', '100m', '250m', '1', '1500m');
const memory = fc.constantFrom('0', '64Mi', '512Mi', '1Gi');
const port = fc.record({
  containerPort: fc.constant(80),
  hostPort: fc.constantFrom(0, 80, 443),
  hostIP: fc.constantFrom(undefined, '0.0.0.0', '10.0.0.1', '10.0.0.2'),
  protocol: fc.constantFrom('TCP', 'UDP'),
}) as fc.Arbitrary<ContainerPort>;
const container = fc
  .tuple(fc.option(fc.record({ cpu, memory }), { nil: undefined }), fc.array(port, { maxLength: 1 }))
  .map(([requests, ports]) => aContainer(requests, { ports }));
const podSpec = fc.record({
  containers: fc.array(container, { minLength: 1, maxLength: 2 }),
  initContainers: fc.array(
    fc
      .tuple(container, fc.boolean())
      .map(([c, sidecar]) => (sidecar ? { ...c, restartPolicy: 'Always' } : c)),
    { maxLength: 2 },
  ),
  nodeSelector: fc.constantFrom(undefined, undefined, { disk: 'ssd' }, { disk: 'hdd' }),
  tolerations: fc.constantFrom(undefined, [], [{ key: 'dedicated', operator: 'Exists' }]),
}) as fc.Arbitrary<PodSpec>;
const nodeParts: fc.Arbitrary<NodeParts> = fc.record({
  labels: fc.constantFrom<Record<string, string>[]>(
    {},
    { disk: 'ssd' },
    { disk: 'hdd', 'topology.kubernetes.io/zone': 'east' },
  ),
  spec: fc.constantFrom<NodeSpec[]>(
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
  }),
});

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('place' as const),
      spec: podSpec,
      owner: fc.constantFrom('x', 'y', undefined),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('node' as const), at: fc.nat(3), parts: nodeParts }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('no node' as const), at: fc.nat(3) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('delete' as const), at: fc.nat(20) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('confirm' as const), at: fc.nat(20) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** A small generator of our own, so that two runs draw the same figures. */
function drawing(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** The cluster as the test knows it, to compare with what the cache says. */
class Cluster {
  readonly cache = new NodeCache();
  readonly nodes = new Map<string, Node>();
  readonly pods = new Map<string, { pod: Pod; nodeName: string }>();
  readonly decisions: string[] = [];
  readonly #random: () => number;
  #serial = 0;

  constructor(random: () => number) {
    this.#random = random;
  }

  apply(step: Step): void {
    if (step.kind === 'place') this.#place(step.spec, step.owner);
    else if (step.kind === 'node') this.#setNode(aNode(`board-${step.at}`, step.parts));
    else if (step.kind === 'no node') this.#removeNode(`board-${step.at}`);
    else this.#change(step.kind, step.at);
  }

  #setNode(node: Node): void {
    this.nodes.set(keyOf(node), node);
    this.cache.setNode(node);
  }

  #removeNode(name: string): void {
    this.nodes.delete(name);
    this.cache.removeNode(name);
  }

  #change(kind: 'delete' | 'confirm', at: number): void {
    const [uid, placed] = [...this.pods][at] ?? [];
    if (uid === undefined || !placed) return;
    if (kind === 'delete') {
      this.pods.delete(uid);
      this.cache.removePod(uid);
    } else {
      const pod = { ...placed.pod, spec: { ...placed.pod.spec, nodeName: placed.nodeName } };
      this.pods.set(uid, { pod, nodeName: placed.nodeName });
      this.cache.setPod(pod);
    }
  }

  #place(spec: PodSpec, owner: string | undefined): void {
    this.#serial++;
    const uid = `pod-${this.#serial}`;
    const pod = aPod(uid, spec, { uid, ...(owner ? ownedBy(owner) : {}) });
    const info = this.cache.podInfo(pod);
    const nodes = this.cache.infos();
    const decision = schedule({ pod: info, nodes, filters: FILTERS, scores: SCORES, random: this.#random });
    this.decisions.push(JSON.stringify(decision));
    const refused = nodes.filter((node) => FILTERS.some((f) => f.reasons(info, node).length > 0));
    if (decision.type === 'unschedulable') {
      expect(refused).toHaveLength(nodes.length);
      return;
    }
    expect(refused.map(({ node }) => node.metadata.name)).not.toContain(decision.nodeName);
    expect([...this.nodes.keys()]).toContain(decision.nodeName);
    this.#expectRoom(info, decision.nodeName);
    this.pods.set(uidOf(pod), { pod, nodeName: decision.nodeName });
    this.cache.assumePod(pod, decision.nodeName);
  }

  on(nodeName: string): PodInfo[] {
    return [...this.pods.values()].filter((p) => p.nodeName === nodeName).map(({ pod }) => podInfoOf(pod));
  }

  /** Without the filters' help: the promises with this Pod are no more than there is, and no port is taken twice. */
  #expectRoom(info: PodInfo, nodeName: string): void {
    const there = this.on(nodeName);
    const node = this.nodes.get(nodeName);
    if (!node) throw new Error('no such node');
    const { allocatable, requested } = nodeInfoOf(node, [...there, info]);
    for (const [name, amount] of Object.entries(info.requests))
      if (amount > 0) expect(requested[name]).toBeLessThanOrEqual(allocatable[name] ?? 0);
    expect(there.length + 1).toBeLessThanOrEqual(allocatable['pods'] ?? 0);
    const taken = there.flatMap(({ hostPorts }) => hostPorts);
    for (const wanted of info.hostPorts) {
      const rivals = taken.filter((t) => t.port === wanted.port && t.protocol === wanted.protocol);
      const ips = rivals.flatMap(({ ip }) =>
        wanted.ip === '0.0.0.0' || ip === '0.0.0.0' ? [wanted.ip] : [ip],
      );
      expect(ips).not.toContain(wanted.ip);
    }
  }
}

describe('over any sequence of Pods, nodes and deletions', () => {
  it('no decision breaks a rule, and a cache of changes says what a fresh count says', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 60 }), (steps) => {
        const cluster = new Cluster(drawing(1));
        for (const one of steps) {
          cluster.apply(one);
          const fresh = [...cluster.nodes].map(([name, node]) => nodeInfoOf(node, cluster.on(name)));
          const cached = new Map(cluster.cache.infos().map((info) => [info.node.metadata.name, info]));
          expect(cached.size).toBe(fresh.length);
          for (const { node, requested, weight, allocatable, pods } of fresh) {
            const info = cached.get(node.metadata.name);
            expect(nonZero(info?.requested)).toEqual(nonZero(requested));
            expect(nonZero(info?.weight)).toEqual(nonZero(weight));
            expect(info?.allocatable).toEqual(allocatable);
            expect(info?.pods.map(uidOf).sort()).toEqual(pods.map(uidOf).sort());
          }
        }
      }),
      RUNS,
    );
  });

  it('the same random figures give the same decisions', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.nat(), (steps, seed) => {
        const [one, two] = [0, 1].map(() => {
          const cluster = new Cluster(drawing(seed));
          for (const s of steps) cluster.apply(s);
          return cluster.decisions;
        });
        expect(two).toEqual(one);
      }),
      RUNS,
    );
  });

  it('scores are whole numbers from 0 to 100', () => {
    const nodes = fc.array(fc.tuple(nodeParts, fc.array(podSpec, { maxLength: 3 })), { minLength: 1 });
    fc.assert(
      fc.property(nodes, podSpec, (parts, spec) => {
        const infos = parts.map(([p, specs], i) =>
          nodeInfoOf(
            aNode(`board-${i}`, p),
            specs.map((s, k) => podInfoOf(aPod(`p-${k}`, s, ownedBy('x')))),
          ),
        );
        const pod = podInfoOf(aPod('web', spec, ownedBy('x')));
        for (const score of SCORES) {
          const values = score.scores(pod, infos, infos);
          expect(values).toHaveLength(infos.length);
          for (const value of values) {
            expect(Number.isInteger(value)).toBe(true);
            expect(value).toBeGreaterThanOrEqual(0);
            expect(value).toBeLessThanOrEqual(100);
          }
        }
      }),
      RUNS,
    );
  });
});

const nonZero = (amounts: Readonly<Record<string, number>> = {}): Record<string, number> =>
  Object.fromEntries(Object.entries(amounts).filter(([, amount]) => amount !== 0));
