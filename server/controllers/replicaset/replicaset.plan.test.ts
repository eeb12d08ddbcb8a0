import { describe, expect, it } from 'vitest';
import { timestamp } from '#proto/meta/timestamp.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import { rankForDeletion } from '#server/controllers/replicaset/deletion-ranking.plan.ts';
import { planReplicas, planStatus } from '#server/controllers/replicaset/replicaset.plan.ts';
import { slowStart } from '#server/controllers/replicaset/slow-start.ts';
import type { Workload } from '#server/controllers/replicaset/workload.ts';

const NOW = Date.UTC(2026, 0, 2);

interface PodShape {
  node?: string;
  phase?: string;
  /** Seconds since it became ready; absent: it is not. */
  ready?: number;
  cost?: number;
  restarts?: number;
  age?: number;
  deleting?: boolean;
  labels?: Record<string, string>;
}

const aPod = (name: string, shape: PodShape = {}): Pod => ({
  metadata: {
    name,
    uid: name,
    labels: shape.labels ?? { app: 'web' },
    creationTimestamp: timestamp(NOW - (shape.age ?? 3600) * 1000),
    ...(shape.deleting ? { deletionTimestamp: timestamp(NOW) } : {}),
    ...(shape.cost === undefined
      ? {}
      : { annotations: { 'controller.kubernetes.io/pod-deletion-cost': String(shape.cost) } }),
  },
  spec: {
    containers: [],
    ...(shape.node === undefined ? { nodeName: 'a' } : shape.node ? { nodeName: shape.node } : {}),
  },
  status: {
    phase: shape.phase ?? 'Running',
    containerStatuses: [
      { name: 'c', ready: true, restartCount: shape.restarts ?? 0, image: '', imageID: '' },
    ],
    conditions: [
      shape.ready === undefined
        ? { type: 'Ready', status: 'False' }
        : { type: 'Ready', status: 'True', lastTransitionTime: timestamp(NOW - shape.ready * 1000) },
    ],
  },
});

const aWorkload = (replicas: number, minReadySeconds = 0): Workload => ({
  metadata: { name: 'web', namespace: 'default', generation: 3 },
  replicas,
  minReadySeconds,
  selector: { matchLabels: { app: 'web' } },
  template: { metadata: { labels: { app: 'web' } } },
  status: undefined,
});

describe('rankForDeletion', () => {
  it.each([
    ['not scheduled before scheduled', aPod('x', { node: '' }), aPod('y')],
    ['pending before running', aPod('x', { phase: 'Pending' }), aPod('y')],
    ['not ready before ready', aPod('x'), aPod('y', { ready: 60 })],
    ['cheap before dear', aPod('x', { ready: 60, cost: -5 }), aPod('y', { ready: 60 })],
    ['ready for a short time before long', aPod('x', { ready: 10 }), aPod('y', { ready: 3000 })],
    ['often restarted before seldom', aPod('x', { ready: 60, restarts: 3 }), aPod('y', { ready: 60 })],
    ['young before old', aPod('x', { ready: 60, age: 100 }), aPod('y', { ready: 60, age: 9000 })],
  ])('%s', (_what, first, last) => {
    expect(rankForDeletion([last, first], [last, first], NOW).map((p) => p.metadata.name)).toEqual([
      'x',
      'y',
    ]);
  });

  it('thins out the node with the most siblings', () => {
    const pods = [aPod('x', { ready: 60, node: 'a' }), aPod('y', { ready: 60, node: 'b' })];
    const siblings = [...pods, aPod('z', { node: 'b' })];
    expect(rankForDeletion(pods, siblings, NOW)[0]?.metadata.name).toBe('y');
  });
});

describe('planReplicas', () => {
  it('creates what is missing and does not count what ends', () => {
    const pods = [aPod('x', { ready: 1 }), aPod('y', { deleting: true }), aPod('z', { phase: 'Failed' })];
    expect(planReplicas(aWorkload(3), pods, () => pods, NOW)).toEqual({ type: 'create', count: 2 });
  });

  it('deletes what is too many, by rank', () => {
    const pods = [aPod('x', { ready: 60 }), aPod('y'), aPod('z', { ready: 60 })];
    const action = planReplicas(aWorkload(2), pods, () => pods, NOW);
    expect(action.type === 'delete' && action.pods.map((p) => p.metadata.name)).toEqual(['y']);
  });

  it('does nothing for one that is being deleted', () => {
    const workload = aWorkload(3);
    const deleting = { ...workload, metadata: { ...workload.metadata, deletionTimestamp: timestamp(NOW) } };
    expect(planReplicas(deleting, [], () => [], NOW)).toEqual({ type: 'none' });
  });
});

const seen = (pods: readonly Pod[]) => ({ pods, isGoing: () => false, isWhole: true });

describe('planStatus', () => {
  it('counts, and says when the next pod becomes available', () => {
    const pods = [
      aPod('a', { ready: 100 }),
      aPod('b', { ready: 4 }),
      aPod('c', { labels: { other: 'x' } }),
      aPod('d', { deleting: true }),
    ];
    expect(planStatus(aWorkload(3, 10), seen(pods), undefined, NOW)).toEqual({
      status: {
        replicas: 3,
        fullyLabeledReplicas: 2,
        readyReplicas: 2,
        availableReplicas: 1,
        terminatingReplicas: 1,
        observedGeneration: 3,
      },
      requeueAfterMs: 6000,
    });
  });

  it('carries a failure', () => {
    const failure = { reason: 'FailedCreate', message: 'exceeded quota' } as const;
    expect(planStatus(aWorkload(1), seen([]), failure, NOW).status.conditions).toEqual([
      { type: 'ReplicaFailure', status: 'True', lastTransitionTime: timestamp(NOW), ...failure },
    ]);
  });
});

describe('slowStart', () => {
  it('doubles its batches and stops at the first that fails', async () => {
    let calls = 0;
    const outcome = await slowStart(100, async () => {
      calls += 1;
      if (calls > 5) throw new Error('quota');
    });
    expect({ calls, done: outcome.done, error: String(outcome.error) }).toEqual({
      calls: 7,
      done: 5,
      error: 'Error: quota',
    });
  });
});

it('counts no pod that is going, and says nothing of the newest spec while pods are missing', () => {
  const workload = {
    ...aWorkload(2),
    metadata: { generation: 3 },
    status: { replicas: 0, observedGeneration: 2 },
  };
  const pods = [aPod('a', { ready: 60 }), aPod('b', { ready: 60 })];
  const isGoing = ({ metadata }: Pod): boolean => metadata.name === 'a';
  expect(planStatus(workload, { pods, isGoing, isWhole: false }, undefined, NOW).status).toMatchObject({
    replicas: 1,
    availableReplicas: 1,
    terminatingReplicas: 1,
    observedGeneration: 2,
  });
});
