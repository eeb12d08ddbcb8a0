import { describe, expect, it } from 'vitest';
import type { Pod, PodSpec } from '#proto/schema/generated/core-v1.ts';
import type { PodDisruptionBudget } from '#proto/schema/generated/policy-v1.ts';
import { FILTERS } from './filter/index.ts';
import { aCluster, aContainer, aNode, aNodeInfo, aPod } from './fixtures.ts';
import type { ClusterViews, NodeCache } from './node-cache.ts';
import { podInfoOf } from './pod-info.plan.ts';
import { type Preemption, preempt } from './preempt.plan.ts';
import { schedule } from './schedule.plan.ts';

interface Parts {
  readonly cpu?: string;
  readonly labels?: Record<string, string>;
  readonly started?: string;
  readonly spec?: Partial<PodSpec>;
  readonly status?: Pod['status'];
  readonly deletionTimestamp?: string;
}
const pod = (name: string, priority: number, { cpu = '1', labels, started, ...more }: Parts = {}): Pod => ({
  ...aPod(
    name,
    { priority, containers: [aContainer({ cpu })], ...more.spec },
    { uid: name, labels, deletionTimestamp: more.deletionTimestamp },
  ),
  status: { startTime: started ?? '2026-01-01T00:00:00Z', ...more.status },
});
/** Nodes `a`, `b`, … of two CPUs each. */
const cluster = (there: Pod[][], views: Partial<ClusterViews> = {}): NodeCache =>
  aCluster(
    there.map((pods, i) =>
      aNodeInfo(aNode(String.fromCharCode(97 + i), { allocatable: { cpu: '2' } }), pods),
    ),
    views,
  );
function decide(
  preemptor: Pod,
  there: NodeCache,
  leaving: string[] = [],
  nominatedNode?: string,
): Preemption {
  const info = podInfoOf(preemptor);
  const options = { filters: FILTERS, random: () => 0, cluster: there, pod: info };
  const decision = schedule({ ...options, scores: [] });
  if (decision.type === 'bind') throw new Error('it fits');
  const { resolvable } = decision;
  return preempt({ ...options, resolvable, nominatedNode, leaving: new Set(leaving) });
}
const told = (preemption: Preemption): string =>
  preemption.type === 'none'
    ? preemption.message
    : `${preemption.nodeName}: ${preemption.victims.map(({ uid }) => uid).join(' ')}`;
const budget = (app: string, disruptionsAllowed: number, disrupted: string[] = []): PodDisruptionBudget => ({
  ...{ apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', metadata: { name: app, namespace: 'default' } },
  spec: { selector: { matchLabels: { app } } },
  status: {
    ...{ disruptionsAllowed, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 },
    disruptedPods: Object.fromEntries(disrupted.map((name) => [name, '2026-01-01T00:00:00Z'])),
  },
});

const high = pod('high', 10);
const early = { started: '2025-01-01T00:00:00Z' };
const web = { labels: { app: 'web' } };
const db = { labels: { app: 'db' } };

describe('whom a Pod sends away', () => {
  it.each<[string, Pod, Pod[][], string]>([
    ['the least important', high, [[pod('x', 5), pod('y', 1)]], 'a: y'],
    ['of equals, the one that has run shorter', high, [[pod('x', 1, early), pod('y', 1)]], 'a: y'],
    ['as many as it needs', pod('high', 10, { cpu: '2' }), [[pod('x', 5), pod('y', 1)]], 'a: x y'],
    [
      'one that is large enough, where that saves two',
      pod('high', 10, { cpu: '1500m' }),
      [[pod('big', 1, { cpu: '1500m' }), pod('small', 5, { cpu: '500m' })]],
      'a: big',
    ],
    ['nobody who is as important', high, [[pod('x', 10, { cpu: '2' })], [pod('y', 1, { cpu: '2' })]], 'b: y'],
    [
      'from the node where the most important of them is the least',
      high,
      [[pod('x', 3, { cpu: '2' })], [pod('y', 2, { cpu: '2' })]],
      'b: y',
    ],
    [
      'from the node where they are fewer',
      pod('high', 10, { cpu: '2' }),
      [[pod('x', 2), pod('y', 2)], [pod('z', 2, { cpu: '2' })]],
      'b: z',
    ],
    [
      'from the node where negative priorities are fewer',
      pod('high', 10, { cpu: '2' }),
      [[pod('x', -2), pod('y', -2)], [pod('z', -2, { cpu: '2' })]],
      'b: z',
    ],
    [
      'from the node where the first of them has run shorter',
      high,
      [[pod('x', 2, { cpu: '2', ...early })], [pod('y', 2, { cpu: '2' })]],
      'b: y',
    ],
    [
      'one that has its port',
      pod('high', 10, {
        spec: { containers: [aContainer({}, { ports: [{ containerPort: 80, hostPort: 80 }] })] },
      }),
      [
        [
          pod('x', 1, {
            spec: { containers: [aContainer({}, { ports: [{ containerPort: 80, hostPort: 80 }] })] },
          }),
          pod('y', 0),
        ],
      ],
      'a: x',
    ],
    [
      'one that will not have it',
      pod('high', 10, { cpu: '0', ...web }),
      [
        [
          pod('y', 0, { cpu: '0' }),
          pod('x', 1, {
            cpu: '0',
            spec: {
              affinity: {
                podAntiAffinity: {
                  requiredDuringSchedulingIgnoredDuringExecution: [
                    { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { app: 'web' } } },
                  ],
                },
              },
            },
          }),
        ],
      ],
      'a: x',
    ],
  ])('%s', (_, preemptor, there, want) => {
    expect(told(decide(preemptor, cluster(there)))).toBe(want);
  });

  it.each<[string, PodDisruptionBudget[], Pod[][], string]>([
    [
      'not one whom a budget keeps, where another will do',
      [budget('web', 0)],
      [[pod('x', 1, web), pod('y', 5)]],
      'a: y',
    ],
    ['one whom a budget lets go', [budget('web', 1)], [[pod('x', 1, web), pod('y', 5)]], 'a: x'],
    [
      'one whom a budget has let go already',
      [budget('web', 0, ['x'])],
      [[pod('x', 1, web), pod('y', 5)]],
      'a: x',
    ],
    [
      'from the node where fewer budgets break, above all',
      [budget('web', 0)],
      [[pod('x', 1, { cpu: '2', ...web })], [pod('y', 9, { cpu: '2' })]],
      'b: y',
    ],
    [
      'one whom a budget keeps, where there is no other',
      [budget('web', 0)],
      [[pod('x', 1, { cpu: '2', ...web })]],
      'a: x',
    ],
    [
      'no more of a budget than it has left',
      [budget('web', 1), budget('db', 0)],
      [[pod('x', 1, web), pod('z', 1, db)]],
      'a: x',
    ],
  ])('budgets: %s', (_, budgets, there, want) => {
    expect(told(decide(high, cluster(there, { budgets: () => budgets })))).toBe(want);
  });

  it('leaves the room that others have made for themselves', () => {
    const there = cluster([[pod('x', 1), pod('y', 1)]]);
    there.nominate(podInfoOf(pod('rival', 10, { cpu: '1' })), 'a');
    expect(told(decide(high, there))).toBe('a: x y');
    there.nominate(podInfoOf(pod('rival', 10, { cpu: '2' })), 'a');
    expect(told(decide(high, there))).toContain('1 Insufficient cpu');
  });
});

describe('a Pod that sends nobody away', () => {
  const full = [[pod('x', 10, { cpu: '2' })], [pod('y', 20, { cpu: '2' })]];

  it.each<[string, Pod, Pod[][], string]>([
    [
      'because nobody is less important',
      high,
      full,
      'preemption: 0/2 nodes are available: 2 No preemption victims found for incoming pod.',
    ],
    [
      'because it is too large for any node',
      pod('high', 10, { cpu: '3' }),
      [[pod('x', 1)], []],
      'preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.',
    ],
    [
      'because it would not be enough',
      pod('high', 10, { cpu: '2' }),
      [[pod('x', 1), pod('y', 20)], [pod('z', 10, { cpu: '2' })]],
      'preemption: 0/2 nodes are available: 1 Insufficient cpu, 1 No preemption victims found for incoming pod.',
    ],
    [
      'because it is told not to',
      pod('high', 10, { spec: { preemptionPolicy: 'Never' } }),
      [[pod('x', 1, { cpu: '2' })]],
      'preemption: not eligible due to preemptionPolicy=Never.',
    ],
  ])('%s', (_, preemptor, there, want) => {
    expect(told(decide(preemptor, cluster(there)))).toBe(want);
  });

  const waits = 'preemption: not eligible due to a terminating pod on the nominated node.';
  const going: Parts = {
    ...{ cpu: '2', deletionTimestamp: '2026-01-01T00:00:30Z' },
    status: { conditions: [{ type: 'DisruptionTarget', status: 'True', reason: 'PreemptionByScheduler' }] },
  };

  it('because it waits for one whom it has sent away', () => {
    const there = cluster([[pod('x', 1, going)], [pod('y', 1, { cpu: '2' })]]);
    expect(told(decide(high, there, [], 'a'))).toBe(waits);
    expect(told(decide(high, there, [], 'b'))).toBe('a: x');
  });

  it('because it has sent one away whose object does not show it yet', () => {
    const there = cluster([[pod('x', 1, { cpu: '2' })], [pod('y', 1, { cpu: '2' })]]);
    expect(told(decide(high, there, ['x'], 'a'))).toBe(waits);
  });
});

it('stops looking once a tenth of a large cluster would do', () => {
  const nodes = Array.from({ length: 2_000 }, (_, i) =>
    aNodeInfo(aNode(`n${i}`, { allocatable: { cpu: '1' } }), [pod(`p${i}`, i < 1_999 ? 5 : 1)]),
  );
  expect(told(decide(high, aCluster(nodes)))).toBe('n0: p0');
});
