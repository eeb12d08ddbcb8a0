import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Node, Pod } from '#proto/schema/generated/core-v1.ts';
import { FILTERS } from './filter/index.ts';
import { FitMemory } from './fit-memory.plan.ts';
import { aCluster, aNode, aPod, nonZero } from './fixtures.ts';
import { uidOf } from './node-cache.ts';
import { nodeInfoOf } from './node-info.plan.ts';
import { podInfoOf } from './pod-info.plan.ts';
import { preempt } from './preempt.plan.ts';
import { type Decision, type NoPlace, schedule } from './schedule.plan.ts';
import { SCORES } from './score/index.ts';
import { drawing, NAMESPACES, nodeParts, podLabels, podSpec } from './testing/arbitraries.ts';
import { brokenRules, type NaiveCluster, type NaivePlaced } from './testing/naive-rules.ts';

const RUNS = { seed: 20_260_102, numRuns: 400 };

const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('place' as const),
      template: fc.nat(3),
      priority: fc.constantFrom(undefined, undefined, 10, 20),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('node' as const), at: fc.nat(4), parts: nodeParts }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('no node' as const), at: fc.nat(4) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('delete' as const), at: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('end' as const), at: fc.nat(20) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('relabel' as const), at: fc.nat(20), labels: podLabels }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('confirm' as const), at: fc.nat(20) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** Few, and many Pods of each: what is counted for one matters to the next. */
const templates = fc.array(
  fc.record({ spec: podSpec, labels: podLabels, namespace: fc.constantFrom('one', 'one', 'two') }),
  { minLength: 4, maxLength: 4 },
);
type Templates = typeof templates extends fc.Arbitrary<infer T> ? T : never;

/** The cluster as the test knows it, to compare with what the cache says. */
class World {
  readonly cache = aCluster([], { namespaceLabels: (name) => NAMESPACES[name] });
  readonly nodes = new Map<string, Node>();
  readonly pods = new Map<string, NaivePlaced>();
  readonly decisions: string[] = [];
  /** Remembers at any size: what it says must be what looking says. */
  readonly #memory = new FitMemory(0);
  readonly #templates: Templates;
  readonly #random: () => number;
  #serial = 0;

  constructor(templates: Templates, random: () => number) {
    this.#templates = templates;
    this.#random = random;
  }

  get naive(): NaiveCluster {
    return { nodes: [...this.nodes.values()], placed: [...this.pods.values()], namespaces: NAMESPACES };
  }

  apply(step: Step): void {
    switch (step.kind) {
      case 'place': {
        const template = this.#templates[step.template];
        if (template) this.#place(template, step.priority);
        return;
      }
      case 'node': {
        const node = aNode(`board-${step.at}`, step.parts);
        this.nodes.set(`board-${step.at}`, node);
        this.cache.setNode(node);
        return;
      }
      case 'no node':
        this.nodes.delete(`board-${step.at}`);
        this.cache.removeNode(`board-${step.at}`);
        return;
      default:
        this.#change(step);
    }
  }

  #change(step: Exclude<Step, { kind: 'place' | 'node' | 'no node' }>): void {
    const [uid, placed] = [...this.pods][step.at] ?? [];
    if (uid === undefined || !placed) return;
    if (step.kind === 'delete') {
      this.pods.delete(uid);
      this.cache.removePod(uid);
      return;
    }
    const { nodeName } = placed;
    const metadata = { ...placed.pod.metadata };
    if (step.kind === 'relabel') metadata.labels = step.labels;
    if (step.kind === 'end') metadata.deletionTimestamp = '2026-01-01T00:00:00Z';
    const pod = { ...placed.pod, metadata, spec: { ...placed.pod.spec, nodeName } };
    this.pods.set(uid, { pod, nodeName });
    this.cache.setPod(pod);
  }

  #place({ spec, labels, namespace }: Templates[number], priority = spec.priority): void {
    this.#serial++;
    const uid = `pod-${this.#serial}`;
    const pod = aPod(uid, { ...spec, priority }, { uid, labels, namespace });
    const { cache: cluster } = this;
    const info = cluster.podInfo(pod);
    const input = { pod: info, cluster, filters: FILTERS, scores: SCORES };
    const decision = schedule({ ...input, random: this.#random, memory: this.#memory });
    if (decision.type === 'unschedulable')
      expect(schedule({ ...input, random: () => 0 })).toMatchObject({ message: decision.message });
    this.decisions.push(JSON.stringify(decision.type === 'bind' ? decision.nodeName : decision.message));
    this.#expectRight(pod, decision);
    if (decision.type === 'unschedulable') {
      this.#preempt(pod, decision);
      return;
    }
    this.pods.set(uid, { pod, nodeName: decision.nodeName });
    cluster.assumePod(info, decision.nodeName);
  }

  #expectRight(pod: Pod, decision: Decision): void {
    const broken = new Map(
      [...this.nodes].map(([name, node]) => [name, brokenRules(pod, node, this.naive)] as const),
    );
    if (decision.type === 'bind') expect(broken.get(decision.nodeName)).toEqual([]);
    else for (const rules of broken.values()) expect(rules).not.toEqual([]);
  }

  /** Who goes is less important, has to go, and those who stay and the Pod break no rule. */
  #preempt(pod: Pod, { resolvable }: NoPlace): void {
    const { cache: cluster } = this;
    const info = cluster.podInfo(pod);
    const options = { filters: FILTERS, resolvable, random: this.#random, leaving: new Set<string>() };
    const preemption = preempt({ pod: info, cluster, ...options, memory: this.#memory });
    this.decisions.push(preemption.type === 'none' ? preemption.message : preemption.nodeName);
    if (preemption.type === 'none') return;
    const { nodeName, victims } = preemption;
    const node = this.nodes.get(nodeName);
    if (!node) throw new Error('no such node');
    expect(pod.spec.preemptionPolicy).not.toBe('Never');
    expect(victims.length).toBeGreaterThan(0);
    for (const victim of victims) {
      expect(victim.priority).toBeLessThan(info.priority);
      expect(this.pods.get(victim.uid)?.nodeName).toBe(nodeName);
    }
    const gone = new Set(victims.map(({ uid }) => uid));
    const without = (uids: ReadonlySet<string>): NaiveCluster => ({
      ...this.naive,
      placed: this.naive.placed.filter((one) => !uids.has(uidOf(one.pod))),
    });
    expect(brokenRules(pod, node, without(gone))).toEqual([]);
    // Nobody goes for nothing. (With wishes for company, one who stays can be the reason that another has to go.)
    if (pod.spec.affinity || pod.spec.topologySpreadConstraints) return;
    for (const victim of victims) {
      const others = new Set([...gone].filter((uid) => uid !== victim.uid));
      expect(brokenRules(pod, node, without(others))).not.toEqual([]);
    }
  }
}

describe('over any sequence of Pods, nodes and deletions', () => {
  it('no decision breaks a rule, no Pod waits that fits, and what is kept is what a fresh count says', () => {
    fc.assert(
      fc.property(
        templates,
        fc.array(step, { minLength: 10, maxLength: 60, size: 'max' }),
        (specs, steps) => {
          const world = new World(specs, drawing(1));
          for (const one of steps) {
            world.apply(one);
            expect(world.cache.nodes.map(({ name }) => name).sort()).toEqual([...world.nodes.keys()].sort());
            for (const [name, node] of world.nodes) {
              const pods = [...world.pods.values()].filter((p) => p.nodeName === name);
              const fresh = nodeInfoOf(
                node,
                pods.map(({ pod }) => podInfoOf(pod)),
              );
              const kept = world.cache.node(name);
              if (!kept) throw new Error('no such node');
              expect(nonZero(kept.requested)).toEqual(nonZero(fresh.requested));
              expect(nonZero(kept.weight)).toEqual(nonZero(fresh.weight));
              expect(kept.allocatable).toEqual(fresh.allocatable);
              expect(kept.pods.map(({ uid }) => uid).sort()).toEqual(
                pods.map(({ pod }) => uidOf(pod)).sort(),
              );
            }
          }
        },
      ),
      RUNS,
    );
  });

  it('the same random figures give the same decisions', () => {
    fc.assert(
      fc.property(
        templates,
        fc.array(step, { maxLength: 40, size: 'max' }),
        fc.nat(),
        (specs, steps, seed) => {
          const [one, two] = [0, 1].map(() => {
            const world = new World(specs, drawing(seed));
            for (const s of steps) world.apply(s);
            return world.decisions;
          });
          expect(two).toEqual(one);
        },
      ),
      { ...RUNS, numRuns: 60 },
    );
  });

  it('scores are whole numbers from 0 to 100', () => {
    const nodes = fc.array(fc.tuple(nodeParts, fc.array(podSpec, { maxLength: 3 })), { minLength: 1 });
    const labels = { app: 'web' };
    fc.assert(
      fc.property(nodes, podSpec, (parts, spec) => {
        const infos = parts.map(([p, specs], i) =>
          nodeInfoOf(
            aNode(`board-${i}`, p),
            specs.map((s, k) => podInfoOf(aPod(`p-${k}`, s, { labels }))),
          ),
        );
        const cluster = aCluster(infos, { defaultSelector: () => [{ matchLabels: labels }] });
        const pod = podInfoOf(aPod('web', spec, { labels }));
        for (const score of SCORES) {
          const values = score.scores(pod, cluster.nodes, cluster) ?? [];
          for (const value of values) {
            expect(Number.isInteger(value)).toBe(true);
            expect(value).toBeGreaterThanOrEqual(0);
            expect(value).toBeLessThanOrEqual(100);
          }
        }
      }),
      { ...RUNS, numRuns: 100 },
    );
  });
});
