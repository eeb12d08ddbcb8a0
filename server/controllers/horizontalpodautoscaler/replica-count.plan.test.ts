import { describe, expect, it } from 'vitest';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import type { PodMetrics } from '#proto/schema/generated/metrics-v1beta1.ts';
import {
  type CountInput,
  countByAverage,
  countByUtilization,
} from '#server/controllers/horizontalpodautoscaler/replica-count.plan.ts';

const NOW = Date.UTC(2026, 0, 1);
const ago = (seconds: number): string => new Date(NOW - seconds * 1000).toISOString();

interface Given {
  /** Millicores used; undefined: no metrics. */
  readonly used?: number;
  readonly request?: string | null;
  readonly phase?: string;
  readonly ready?: 'True' | 'False';
  /** Seconds ago. */
  readonly started?: number;
  readonly changed?: number;
  readonly deleting?: boolean;
}

const podOf = (given: Given, i: number): Pod => {
  const { request = '1', phase = 'Running', ready = 'True', started = 3600, changed = 3000 } = given;
  return {
    metadata: { name: `web-${i}`, ...(given.deleting ? { deletionTimestamp: ago(0) } : {}) },
    spec: {
      containers: [{ name: 'main', resources: { requests: request === null ? {} : { cpu: request } } }],
    },
    status: {
      phase,
      startTime: ago(started),
      conditions: [{ type: 'Ready', status: ready, lastTransitionTime: ago(changed) }],
    },
  };
};
const metricsOf = (given: Given, i: number): PodMetrics[] =>
  given.used === undefined
    ? []
    : [
        {
          metadata: { name: `web-${i}` },
          timestamp: ago(10),
          window: '30s',
          containers: [{ name: 'main', usage: { cpu: `${given.used}m`, memory: '10Mi' } }],
        },
      ];
const input = (pods: readonly Given[], over: Partial<CountInput> = {}): CountInput => ({
  resource: 'cpu',
  container: '',
  currentReplicas: pods.length,
  pods: pods.map(podOf),
  metrics: pods.flatMap(metricsOf),
  tolerances: { up: 0.1, down: 0.1 },
  now: NOW,
  ...over,
});
const used = (...values: number[]): Given[] => values.map((value) => ({ used: value }));
const fresh: Given = { used: 900, started: 60, changed: 20 };
const warm: Given = { used: 900, started: 60, changed: 45 };
const neverReady: Given = { used: 900, ready: 'False', started: 3600, changed: 3595 };
const wasReady: Given = { used: 900, ready: 'False', started: 3600, changed: 100 };

describe('by utilization of 50%', () => {
  it.each<[string, Given[], number, number]>([
    ['as much as wanted', used(500, 500), 2, 50],
    ['a little more', used(540, 550), 2, 54],
    ['a little less', used(455, 460), 2, 45],
    ['twice as much', used(1000, 1000), 4, 100],
    ['half as much', used(250, 250, 250, 250), 2, 25],
    ['nothing', used(0, 0, 0), 0, 0],
    ['more, and one says nothing: idle', [...used(1000, 1000), {}], 4, 100],
    ['little more, and one says nothing: that settles it', [...used(650, 650, 650), {}], 4, 65],
    ['less, and one says nothing: busy', [...used(100, 100), {}], 3, 10],
    ['more, and one has not begun: idle', [...used(1000, 1000), { phase: 'Pending' }], 4, 100],
    ['less, and one has not begun: left out', [...used(100, 100), { phase: 'Pending' }], 1, 10],
    ['one that has failed is left out', [...used(1000), { used: 0, phase: 'Failed' }], 2, 100],
    ['one that goes is left out', [...used(1000), { used: 0, deleting: true }], 2, 100],
    ['the start of one is no load', [...used(500, 500), fresh], 3, 50],
    ['a whole window after the start is', [...used(500, 500), warm], 4, 63],
    ['one that was never ready is no load', [...used(500, 500), neverReady], 3, 50],
    ['one that was ready once is', [...used(500, 500), wasReady], 4, 63],
  ])('%s', (_what, pods, replicas, utilization) => {
    expect(countByUtilization(input(pods), 50)).toMatchObject({ replicas, utilization });
  });

  it('counts a Pod without figures as busy as the target where that is beyond its request', () => {
    expect(countByUtilization(input([...used(100, 100), {}]), 200)).toMatchObject({ replicas: 2 });
  });

  it('keeps to tolerances of its own', () => {
    const tolerances = { up: 0.5, down: 0.01 };
    expect(countByUtilization(input(used(700, 700), { tolerances }), 50)).toMatchObject({ replicas: 2 });
    expect(countByUtilization(input(used(240, 240, 240, 240), { tolerances }), 25)).toMatchObject({
      replicas: 4,
    });
    expect(countByUtilization(input(used(200, 200, 200, 200), { tolerances }), 25)).toMatchObject({
      replicas: 4,
    });
    expect(countByUtilization(input(used(150, 150, 150, 150), { tolerances }), 25)).toMatchObject({
      replicas: 3,
    });
  });

  it.each<[string, CountInput, string]>([
    [
      'no metrics',
      input([{}]),
      'unable to get metrics for resource cpu: no metrics returned from resource metrics API',
    ],
    ['no pods', input(used(1), { pods: [] }), 'no pods returned by selector while calculating replica count'],
    [
      'only pods that are not ready',
      input([fresh]),
      'did not receive metrics for targeted pods (pods might be unready)',
    ],
    [
      'no request',
      input([{ used: 1, request: null }]),
      'missing request for cpu in container main of Pod web-0',
    ],
    [
      'no such container',
      input(used(1), { container: 'side' }),
      'did not receive metrics for targeted pods (pods might be unready)',
    ],
    ['requests of nothing', input([{ used: 1, request: '0' }]), 'no metrics returned matched known pods'],
  ])('says what it lacks: %s', (_what, given, error) => {
    expect(countByUtilization(given, 50)).toEqual({ error });
  });
});

describe('by an average', () => {
  it.each<[string, Given[], number, number]>([
    ['as much as wanted', used(500, 500), 2, 500],
    ['three times as much', used(1500, 1500), 6, 1500],
    ['more, and one says nothing: idle', [...used(1500, 1500), {}], 6, 1500],
    ['less, and one says nothing: at the target', [...used(100, 100), {}], 2, 100],
  ])('%s', (_what, pods, replicas, average) => {
    expect(countByAverage(input(pods), 500)).toEqual({ replicas, average });
  });

  it('looks at one container where it is named', () => {
    const given = input(used(100));
    const metrics = given.metrics.map((one) => ({
      ...one,
      containers: [...one.containers, { name: 'side', usage: { cpu: '900m' } }],
    }));
    expect(countByAverage({ ...given, metrics, container: 'side' }, 300)).toEqual({
      replicas: 3,
      average: 900,
    });
    expect(countByAverage({ ...given, metrics }, 500)).toEqual({ replicas: 2, average: 1000 });
  });
});
