import { expect, it } from 'vitest';
import type { HorizontalPodAutoscaler as HpaV1 } from '#proto/schema/generated/autoscaling-v1.ts';
import type { HorizontalPodAutoscaler, MetricSpec } from '#proto/schema/generated/autoscaling-v2.ts';
import { hpaFromV2, hpaToV2 } from '#server/apiserver/rest/hpa-conversion.ts';

const scaleTargetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' };
const selector = { matchLabels: { queue: 'work' } };
const cpu: MetricSpec = {
  type: 'Resource',
  resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } },
};
const full: HorizontalPodAutoscaler = {
  apiVersion: 'autoscaling/v2',
  kind: 'HorizontalPodAutoscaler',
  metadata: { name: 'web', annotations: { team: 'a' } },
  spec: {
    scaleTargetRef,
    minReplicas: 1,
    maxReplicas: 5,
    metrics: [
      {
        type: 'Resource',
        resource: { name: 'memory', target: { type: 'AverageValue', averageValue: '100Mi' } },
      },
      {
        type: 'ContainerResource',
        containerResource: {
          name: 'cpu',
          container: 'main',
          target: { type: 'Utilization', averageUtilization: 70 },
        },
      },
      {
        type: 'Pods',
        pods: { metric: { name: 'hits', selector }, target: { type: 'AverageValue', averageValue: '5' } },
      },
      {
        type: 'Object',
        object: {
          describedObject: scaleTargetRef,
          metric: { name: 'hits' },
          target: { type: 'Value', value: '9' },
        },
      },
      {
        type: 'External',
        external: {
          metric: { name: 'queue', selector },
          target: { type: 'AverageValue', averageValue: '3' },
        },
      },
      cpu,
    ],
    behavior: {
      scaleDown: {
        stabilizationWindowSeconds: 60,
        selectPolicy: 'Min',
        tolerance: '50m',
        policies: [{ type: 'Pods', value: 1, periodSeconds: 15 }],
      },
    },
  },
  status: {
    currentReplicas: 2,
    desiredReplicas: 3,
    currentMetrics: [
      {
        type: 'Resource',
        resource: { name: 'cpu', current: { averageUtilization: 40, averageValue: '40m' } },
      },
    ],
    conditions: [{ type: 'AbleToScale', status: 'True', reason: 'ReadyForNewScale', message: 'm' }],
  },
};

it('keeps all of v2 through v1', () => {
  const old = hpaFromV2(full);
  expect(old).toMatchObject({
    apiVersion: 'autoscaling/v1',
    spec: { targetCPUUtilizationPercentage: 50, maxReplicas: 5 },
    status: { currentReplicas: 2, desiredReplicas: 3, currentCPUUtilizationPercentage: 40 },
  });
  const { annotations = {} } = old.metadata;
  expect(JSON.parse(annotations['autoscaling.alpha.kubernetes.io/metrics'] ?? '')[0]).toEqual({
    type: 'Resource',
    resource: { name: 'memory', targetAverageValue: '100Mi' },
  });
  expect(annotations['autoscaling.alpha.kubernetes.io/behavior']).toBe(
    '{"ScaleDown":{"StabilizationWindowSeconds":60,"SelectPolicy":"Min","Tolerance":"50m","Policies":[{"Type":"Pods","Value":1,"PeriodSeconds":15}]}}',
  );
  expect(hpaToV2(JSON.parse(JSON.stringify(old)))).toEqual(full);
});

const aV1 = (over: Partial<HpaV1['spec']> = {}, annotations?: Record<string, string>): HpaV1 => ({
  metadata: { name: 'web', ...(annotations ? { annotations } : {}) },
  spec: { scaleTargetRef, maxReplicas: 3, ...over },
});

it.each<[string, HpaV1, number]>([
  ['its percentage', aV1({ targetCPUUtilizationPercentage: 30 }), 30],
  ['80 % without one', aV1(), 80],
  [
    '80 % where the annotation is no list',
    aV1({}, { 'autoscaling.alpha.kubernetes.io/metrics': '{"a"' }),
    80,
  ],
])('takes from v1 %s', (_what, given, averageUtilization) => {
  const { spec, metadata } = hpaToV2(given);
  expect(spec.metrics).toEqual([
    { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization } } },
  ]);
  expect(metadata.annotations).toBeUndefined();
});
