import fc from 'fast-check';
import { expect, it } from 'vitest';
import { nodes } from '#proto/api/core/nodes.ts';
import { pods } from '#proto/api/core/pods.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import { POD_GROUP, POD_GROUP_MIN } from './annotations.plan.ts';
import { aNode } from './fixtures.ts';
import { isFinished } from './pod-info.plan.ts';
import { SchedulerHarness } from './testing/harness.ts';
import { amount, needs } from './testing/naive-rules.ts';

const RUNS = { seed: 20_260_104, numRuns: 150 };

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('create' as const),
      cpu: fc.constantFrom('500m', '1', '2'),
      group: fc.constantFrom('one', 'two', undefined),
      priority: fc.constantFrom(0, 0, 10),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('node' as const), cpu: fc.constantFrom('1', '2', '3') }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('delete' as const), at: fc.nat(20) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('let go' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(1_000, 10_000) }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

const MIN: Readonly<Record<string, number>> = { one: 2, two: 3 };

class World {
  readonly h = new SchedulerHarness();
  /** Groups that have been whole once: what is deleted later is somebody else's wish. */
  readonly #whole = new Set<string>();
  readonly #seenVictims = new Set<string>();
  #serial = 0;

  async apply(one: Step): Promise<void> {
    const { h } = this;
    this.#serial++;
    switch (one.kind) {
      case 'create': {
        const { cpu, group, priority } = one;
        const metadata = group
          ? { labels: { [POD_GROUP]: group }, annotations: { [POD_GROUP_MIN]: String(MIN[group]) } }
          : {};
        await h.create(`p-${this.#serial}`, cpu, { priority }, metadata);
        return;
      }
      case 'node':
        await h.client.create(nodes, aNode(`n-${this.#serial}`, { allocatable: { cpu: one.cpu } }));
        return;
      case 'delete': {
        const pod = (await this.all())[one.at];
        if (pod) await h.remove(pod.metadata.name ?? '');
        return;
      }
      case 'let go':
        await h.letGo();
        return;
      case 'wait':
        await h.pass(one.ms);
    }
  }

  async all(): Promise<readonly Pod[]> {
    return (await this.h.client.list(pods)).items;
  }

  async check(): Promise<void> {
    const all = await this.all();
    const bound = all.filter(({ spec }) => spec.nodeName);
    for (const [group, min] of Object.entries(MIN)) {
      const count = bound.filter(({ metadata }) => metadata.labels?.[POD_GROUP] === group).length;
      if (count >= min) this.#whole.add(group);
      if (!this.#whole.has(group)) expect(count).toBe(0);
    }
    for (const { metadata, status } of (await this.h.client.list(nodes)).items) {
      const there = bound.filter((pod) => pod.spec.nodeName === metadata.name && !isFinished(pod));
      const used = there.reduce((sum, pod) => sum + needs(pod, 'cpu'), 0);
      expect(used).toBeLessThanOrEqual(amount(status?.allocatable?.['cpu']));
    }
    this.#checkVictims(all);
  }

  /** Who is sent away is less important than somebody who waits for that room. */
  #checkVictims(all: readonly Pod[]): void {
    for (const { metadata, spec, status } of all) {
      const { uid = '', deletionTimestamp } = metadata;
      if (!deletionTimestamp || this.#seenVictims.has(uid)) continue;
      this.#seenVictims.add(uid);
      expect(status?.conditions?.some(({ reason }) => reason === 'PreemptionByScheduler')).toBe(true);
      const waiting = all.filter((pod) => !pod.spec.nodeName && pod.status?.nominatedNodeName);
      const more = waiting.filter((pod) => (pod.spec.priority ?? 0) > (spec.priority ?? 0));
      expect(more.length).toBeGreaterThan(0);
    }
  }
}

it('binds no group in part, exceeds nothing and sends nobody away for less', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 40, size: 'max' }), async (steps) => {
      const world = new World();
      await world.h.start();
      for (const one of steps) {
        await world.apply(one);
        await world.h.settle();
        await world.check();
      }
      world.h.stop();
    }),
    RUNS,
  );
});
