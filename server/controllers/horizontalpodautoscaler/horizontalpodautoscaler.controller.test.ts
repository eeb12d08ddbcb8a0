import { afterEach, expect, it } from 'vitest';
import { deployments } from '#proto/api/apps/deployments.ts';
import { horizontalpodautoscalers } from '#proto/api/autoscaling/horizontalpodautoscalers.ts';
import { pods } from '#proto/api/core/pods.ts';
import { resources } from '#proto/api/index.ts';
import { podmetrics } from '#proto/api/metrics/podmetrics.ts';
import { conflict, STALE } from '#proto/meta/status-error.ts';
import { timestamp } from '#proto/meta/timestamp.ts';
import type {
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerSpec,
} from '#proto/schema/generated/autoscaling-v2.ts';
import { createHorizontalPodAutoscalerController } from '#server/controllers/horizontalpodautoscaler/horizontalpodautoscaler.controller.ts';
import { type Harness, startHarness } from '#server/controllers/testing/harness.ts';

const KEY = { namespace: 'default', name: 'web' };
let harness: Harness;
afterEach(() => harness.stop());

const cpu = {
  type: 'Resource',
  resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } },
};
const anHpa = (spec: Partial<HorizontalPodAutoscalerSpec> = {}, name = 'web'): HorizontalPodAutoscaler => ({
  metadata: { namespace: 'default', name },
  spec: {
    scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
    minReplicas: 1,
    maxReplicas: 10,
    metrics: [cpu],
    behavior: {
      scaleUp: {
        stabilizationWindowSeconds: 0,
        selectPolicy: 'Max',
        policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }],
      },
      scaleDown: {
        stabilizationWindowSeconds: 0,
        selectPolicy: 'Max',
        policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }],
      },
    },
    ...spec,
  },
});

/** A Deployment of so many Pods that have run for long, each with 100m requested. */
async function begin(replicas: number): Promise<void> {
  harness = await startHarness([
    (context) => createHorizontalPodAutoscalerController(context, () => resources),
  ]);
  const labels = { app: 'web' };
  const template = { metadata: { labels }, spec: { containers: [{ name: 'main', image: 'web' }] } };
  await harness.client.create(deployments, {
    metadata: KEY,
    spec: { replicas, selector: { matchLabels: labels }, template },
  });
  const long = timestamp(harness.clock.now() - 3_600_000);
  for (let i = 0; i < replicas; i += 1) {
    await harness.client.create(pods, {
      metadata: { namespace: 'default', name: `web-${i}`, labels },
      spec: { containers: [{ name: 'main', resources: { requests: { cpu: '100m' } } }] },
      status: {
        phase: 'Running',
        startTime: long,
        conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: long }],
      },
    });
  }
}

async function load(milli: number, count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) {
    const metadata = { namespace: 'default', name: `web-${i}`, labels: { app: 'web' } };
    await harness.client.delete(podmetrics, metadata).catch(() => undefined);
    await harness.client.create(podmetrics, {
      metadata,
      timestamp: timestamp(harness.clock.now()),
      window: '15s',
      containers: [{ name: 'main', usage: { cpu: `${milli}m` } }],
    });
  }
}

const get = (name = 'web') => harness.client.get(horizontalpodautoscalers, { namespace: 'default', name });
const size = async () => (await harness.client.get(deployments, KEY)).spec.replicas;
const conditions = async (name?: string) =>
  ((await get(name)).status?.conditions ?? []).map(
    ({ type, status, reason }) => `${type} ${status} ${reason}`,
  );
const look = async (): Promise<void> => {
  await harness.clock.advance(15_000);
  await harness.settle();
};

it('grows what is loaded and shrinks it again', async () => {
  await begin(2);
  await load(100, 2);
  await harness.client.create(horizontalpodautoscalers, anHpa());
  await harness.settle();
  expect(await size()).toBe(4);
  expect((await get()).status).toMatchObject({
    currentReplicas: 2,
    desiredReplicas: 4,
    lastScaleTime: expect.any(String),
    currentMetrics: [
      {
        type: 'Resource',
        resource: { name: 'cpu', current: { averageUtilization: 100, averageValue: '100m' } },
      },
    ],
  });
  expect(await conditions()).toEqual([
    'AbleToScale True SucceededRescale',
    'ScalingActive True ValidMetricFound',
    'ScalingLimited False DesiredWithinRange',
  ]);
  expect(harness.events.told).toEqual([
    'Normal SuccessfulRescale New size: 4; reason: cpu resource utilization (percentage of request) above target',
  ]);
  await load(10, 2);
  await look();
  expect(await size()).toBe(1);
  expect(harness.events.told.at(-1)).toBe(
    'Normal SuccessfulRescale New size: 1; reason: All metrics below target',
  );
});

it('looks every 15 s, writes nothing where nothing changes, and not at all when it has gone', async () => {
  await begin(2);
  await load(50, 2);
  await harness.client.create(horizontalpodautoscalers, anHpa());
  await harness.settle();
  await look();
  const before = harness.client.calls.length;
  await look();
  expect(harness.client.calls.slice(before).map(({ verb, resource }) => `${verb} ${resource}`)).toEqual([
    'get deployments',
    'list pods',
  ]);
  await harness.client.delete(horizontalpodautoscalers, KEY);
  await harness.settle();
  const after = harness.client.calls.length;
  await look();
  expect(harness.client.calls.length).toBe(after);
});

it.each<[string, Partial<HorizontalPodAutoscalerSpec>, number, string]>([
  ['above the maximum', { maxReplicas: 3 }, 3, 'Current number of replicas above Spec.MaxReplicas'],
  ['below the minimum', { minReplicas: 7 }, 7, 'Current number of replicas below Spec.MinReplicas'],
])('brings a set that is %s back without asking for metrics', async (_what, spec, expected, reason) => {
  await begin(5);
  await harness.client.create(horizontalpodautoscalers, anHpa(spec));
  await harness.settle();
  expect(await size()).toBe(expected);
  expect(harness.events.told).toEqual([`Normal SuccessfulRescale New size: ${expected}; reason: ${reason}`]);
});

it('leaves a set alone that somebody scaled to zero', async () => {
  await begin(0);
  await harness.client.create(horizontalpodautoscalers, anHpa());
  await harness.settle();
  expect(await size()).toBe(0);
  expect(await conditions()).toContain('ScalingActive False ScalingDisabled');
});

it.each<[string, HorizontalPodAutoscalerSpec['metrics'], string]>([
  ['Resource', [cpu], 'FailedGetResourceMetric'],
  [
    'ContainerResource',
    [{ type: 'ContainerResource', containerResource: { ...cpu.resource, container: 'main' } }],
    'FailedGetContainerResourceMetric',
  ],
  [
    'Pods',
    [
      {
        type: 'Pods',
        pods: { metric: { name: 'hits' }, target: { type: 'AverageValue', averageValue: '5' } },
      },
    ],
    'FailedGetPodsMetric',
  ],
  [
    'Object',
    [
      {
        type: 'Object',
        object: {
          metric: { name: 'hits' },
          describedObject: { kind: 'Service', name: 'web' },
          target: { type: 'Value', value: '5' },
        },
      },
    ],
    'FailedGetObjectMetric',
  ],
  [
    'External',
    [{ type: 'External', external: { metric: { name: 'queue' }, target: { type: 'Value', value: '5' } } }],
    'FailedGetExternalMetric',
  ],
])('says why a metric of type %s tells it nothing', async (_type, metrics, reason) => {
  await begin(2);
  await harness.client.create(horizontalpodautoscalers, anHpa({ metrics }));
  await harness.settle();
  expect(await size()).toBe(2);
  expect(await conditions()).toEqual(['AbleToScale True SucceededGetScale', `ScalingActive False ${reason}`]);
  expect(harness.events.told).toEqual([
    expect.stringMatching(`^Warning ${reason} `),
    expect.stringMatching(
      '^Warning FailedComputeMetricsReplicas invalid metrics \\(1 invalid out of 1\\), first error is: failed to get ',
    ),
  ]);
});

it('grows by the metric that works, and does not shrink while another is silent', async () => {
  await begin(2);
  await load(100, 2);
  const silent = {
    type: 'Pods',
    pods: { metric: { name: 'hits' }, target: { type: 'AverageValue', averageValue: '5' } },
  };
  await harness.client.create(horizontalpodautoscalers, anHpa({ metrics: [silent, cpu] }));
  await harness.settle();
  expect(await size()).toBe(4);
  await load(1, 2);
  await look();
  expect(await size()).toBe(4);
});

it.each<[string, HorizontalPodAutoscalerSpec['scaleTargetRef'], string]>([
  [
    'a target that is not there',
    { apiVersion: 'apps/v1', kind: 'Deployment', name: 'x' },
    'deployments.apps "x" not found',
  ],
  [
    'a kind that nobody serves',
    { apiVersion: 'a.b/v1', kind: 'Web', name: 'x' },
    'no matches for kind "Web" in group "a.b"',
  ],
  [
    'a kind without a scale',
    { apiVersion: 'apps/v1', kind: 'DaemonSet', name: 'x' },
    'the server could not find the requested resource',
  ],
  ['no version', { apiVersion: 'a/b/c', kind: 'Web', name: 'x' }, 'unexpected GroupVersion string: a/b/c'],
])('tells of %s', async (_what, scaleTargetRef, error) => {
  await begin(0);
  await harness.client.create(horizontalpodautoscalers, anHpa({ scaleTargetRef }));
  await harness.settle();
  expect(harness.events.told).toEqual([`Warning FailedGetScale ${error}`]);
  expect((await get()).status?.conditions).toMatchObject([
    {
      type: 'AbleToScale',
      status: 'False',
      message: `the HPA controller was unable to get the target's current scale: ${error}`,
    },
  ]);
});

it('does not pull at Pods that another one pulls at', async () => {
  await begin(2);
  await load(100, 2);
  await harness.client.create(horizontalpodautoscalers, anHpa({ maxReplicas: 2 }));
  await harness.client.create(horizontalpodautoscalers, anHpa({ maxReplicas: 2 }, 'other'));
  await look();
  await look();
  expect(await conditions('other')).toContain('ScalingActive False AmbiguousSelector');
  expect(await conditions('web')).toContain('ScalingActive False AmbiguousSelector');
  expect(harness.events.told).toContain(
    'Warning AmbiguousSelector pods by selector app=web are controlled by multiple HPAs: [{other default} {web default}]',
  );
});

it('tries again where somebody else writes the target, and says when it gives up', async () => {
  await begin(2);
  await load(100, 2);
  let refused = 2;
  harness.client.onCall = ({ verb, subresource }) => {
    if (verb === 'update' && subresource === 'scale' && refused-- > 0)
      throw conflict({ group: 'apps', resource: 'deployments' }, 'web', STALE);
  };
  await harness.client.create(horizontalpodautoscalers, anHpa());
  await harness.settle();
  expect(await size()).toBe(4);
  refused = 5;
  await load(400, 2);
  await look();
  expect(await conditions()).toContain('AbleToScale False FailedUpdateScale');
  expect(await size()).toBe(4);
});
