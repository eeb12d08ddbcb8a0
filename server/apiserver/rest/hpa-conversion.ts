/**
 * HorizontalPodAutoscalers of `autoscaling/v1`, stored as v2. What v1 has no field for travels in annotations, so that a
 * client of v1 that reads and writes back takes nothing away. Rule: upstream's `pkg/apis/autoscaling/v1/conversion.go`.
 */
import type {
  HorizontalPodAutoscaler as HpaV1,
  MetricSpec as MetricSpecV1,
  MetricStatus as MetricStatusV1,
} from '#proto/schema/generated/autoscaling-v1.ts';
import type {
  HorizontalPodAutoscalerBehavior,
  HorizontalPodAutoscalerStatus,
  HorizontalPodAutoscaler as HpaV2,
  MetricSpec,
  MetricStatus,
  MetricTarget,
} from '#proto/schema/generated/autoscaling-v2.ts';
import type { LabelSelector } from '#proto/schema/generated/meta-v1.ts';

const METRICS = 'autoscaling.alpha.kubernetes.io/metrics';
const STATUSES = 'autoscaling.alpha.kubernetes.io/current-metrics';
const CONDITIONS = 'autoscaling.alpha.kubernetes.io/conditions';
const BEHAVIOR = 'autoscaling.alpha.kubernetes.io/behavior';
const OURS = new Set([METRICS, STATUSES, CONDITIONS, BEHAVIOR]);
const DEFAULT_CPU_UTILIZATION = 80;
const NO_STATUS: HorizontalPodAutoscalerStatus = { desiredReplicas: 0, currentMetrics: [] };

export function hpaFromV2(hpa: HpaV2): HpaV1 {
  const { metrics = [], behavior, ...spec } = hpa.spec;
  const { currentMetrics, conditions, currentReplicas = 0, ...status } = hpa.status ?? NO_STATUS;
  const others = metrics.filter((one) => cpuUtilization(one) === undefined).map(specToV1);
  const annotations: Record<string, string> = { ...withoutOurs(hpa.metadata.annotations) };
  if (others.length > 0) annotations[METRICS] = JSON.stringify(others);
  // The status of the CPU too: its average value has no field.
  if (currentMetrics?.length) annotations[STATUSES] = JSON.stringify(currentMetrics.map(statusToV1));
  if (behavior) annotations[BEHAVIOR] = JSON.stringify(renamed(behavior, upper));
  if (conditions?.length) annotations[CONDITIONS] = JSON.stringify(conditions);
  const target = metrics.map(cpuUtilization).find((one) => one !== undefined);
  const current = currentMetrics?.find(
    ({ type, resource }) => type === 'Resource' && resource?.name === 'cpu',
  );
  const utilization = current?.resource?.current.averageUtilization;
  return {
    ...hpa,
    apiVersion: 'autoscaling/v1',
    metadata: withAnnotations(hpa.metadata, annotations),
    spec: { ...spec, ...(target === undefined ? {} : { targetCPUUtilizationPercentage: target }) },
    status: {
      ...status,
      currentReplicas,
      ...(utilization === undefined ? {} : { currentCPUUtilizationPercentage: utilization }),
    },
  };
}

export function hpaToV2(hpa: HpaV1): HpaV2 {
  const { targetCPUUtilizationPercentage: target, ...spec } = hpa.spec;
  const { currentCPUUtilizationPercentage: current, ...status } = hpa.status ?? { desiredReplicas: 0 };
  const annotations = hpa.metadata.annotations ?? {};
  const others = listIn<MetricSpecV1>(annotations[METRICS])?.map(specToV2) ?? [];
  const cpu = target === undefined ? [] : [cpuSpec(target)];
  const metrics = [...others, ...cpu];
  const behavior = objectIn(annotations[BEHAVIOR]);
  const conditions = listIn<NonNullable<NonNullable<HpaV2['status']>['conditions']>[number]>(
    annotations[CONDITIONS],
  );
  const known = listIn<MetricStatusV1>(annotations[STATUSES])?.map(statusToV2);
  const currentMetrics = known ?? (current === undefined ? undefined : [cpuStatus(current)]);
  return {
    ...hpa,
    apiVersion: 'autoscaling/v2',
    metadata: withAnnotations(hpa.metadata, withoutOurs(annotations)),
    spec: {
      ...spec,
      // Upstream's default is a matter of the conversion here: it alone sees all metrics.
      metrics: metrics.length > 0 ? metrics : [cpuSpec(DEFAULT_CPU_UTILIZATION)],
      ...(behavior ? { behavior: renamed(behavior, lower) as HorizontalPodAutoscalerBehavior } : {}),
    },
    status: {
      ...status,
      ...(currentMetrics ? { currentMetrics } : {}),
      ...(conditions ? { conditions } : {}),
    } as NonNullable<HpaV2['status']>,
  };
}

const cpuUtilization = ({ type, resource }: MetricSpec): number | undefined =>
  type === 'Resource' && resource?.name === 'cpu' ? resource.target.averageUtilization : undefined;

const cpuSpec = (averageUtilization: number): MetricSpec => ({
  type: 'Resource',
  resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization } },
});

const cpuStatus = (averageUtilization: number): MetricStatus => ({
  type: 'Resource',
  resource: { name: 'cpu', current: { averageUtilization } },
});

function specToV1({ type, resource, containerResource, pods, object, external }: MetricSpec): MetricSpecV1 {
  const ofResource = ({ averageUtilization, averageValue }: MetricTarget) => ({
    targetAverageUtilization: averageUtilization,
    targetAverageValue: averageValue,
  });
  return {
    type,
    ...(resource && { resource: { name: resource.name, ...ofResource(resource.target) } }),
    ...(containerResource && {
      containerResource: {
        name: containerResource.name,
        ...ofResource(containerResource.target),
        container: containerResource.container,
      },
    }),
    ...(pods && {
      pods: {
        metricName: pods.metric.name,
        targetAverageValue: pods.target.averageValue ?? '0',
        selector: pods.metric.selector,
      },
    }),
    ...(object && {
      object: {
        target: object.describedObject,
        metricName: object.metric.name,
        targetValue: object.target.value ?? '0',
        selector: object.metric.selector,
        averageValue: object.target.averageValue,
      },
    }),
    ...(external && {
      external: {
        metricName: external.metric.name,
        metricSelector: external.metric.selector,
        targetValue: external.target.value,
        targetAverageValue: external.target.averageValue,
      },
    }),
  };
}

function specToV2({ type, resource, containerResource, pods, object, external }: MetricSpecV1): MetricSpec {
  const ofResource = (one: {
    targetAverageUtilization?: number | undefined;
    targetAverageValue?: string | undefined;
  }): MetricTarget => ({
    type: one.targetAverageUtilization === undefined ? 'AverageValue' : 'Utilization',
    ...given({ averageUtilization: one.targetAverageUtilization, averageValue: one.targetAverageValue }),
  });
  const metricOf = (name: string, selector: LabelSelector | undefined) => ({ name, ...given({ selector }) });
  return {
    type,
    ...(resource && { resource: { name: resource.name, target: ofResource(resource) } }),
    ...(containerResource && {
      containerResource: {
        name: containerResource.name,
        container: containerResource.container,
        target: ofResource(containerResource),
      },
    }),
    ...(pods && {
      pods: {
        metric: metricOf(pods.metricName, pods.selector),
        target: { type: 'AverageValue', averageValue: pods.targetAverageValue },
      },
    }),
    ...(object && {
      object: {
        describedObject: object.target,
        metric: metricOf(object.metricName, object.selector),
        target:
          object.averageValue === undefined
            ? { type: 'Value', value: object.targetValue }
            : { type: 'AverageValue', averageValue: object.averageValue },
      },
    }),
    ...(external && {
      external: {
        metric: metricOf(external.metricName, external.metricSelector),
        target: {
          type: external.targetValue === undefined ? 'AverageValue' : 'Value',
          ...given({ value: external.targetValue, averageValue: external.targetAverageValue }),
        },
      },
    }),
  };
}

function statusToV1({
  type,
  resource,
  containerResource,
  pods,
  object,
  external,
}: MetricStatus): MetricStatusV1 {
  const ofResource = ({
    averageUtilization,
    averageValue,
  }: {
    averageUtilization?: number | undefined;
    averageValue?: string | undefined;
  }) => ({
    currentAverageUtilization: averageUtilization,
    currentAverageValue: averageValue ?? '0',
  });
  return {
    type,
    ...(resource && { resource: { name: resource.name, ...ofResource(resource.current) } }),
    ...(containerResource && {
      containerResource: {
        name: containerResource.name,
        ...ofResource(containerResource.current),
        container: containerResource.container,
      },
    }),
    ...(pods && {
      pods: {
        metricName: pods.metric.name,
        currentAverageValue: pods.current.averageValue ?? '0',
        selector: pods.metric.selector,
      },
    }),
    ...(object && {
      object: {
        target: object.describedObject,
        metricName: object.metric.name,
        currentValue: object.current.value ?? '0',
        selector: object.metric.selector,
        averageValue: object.current.averageValue,
      },
    }),
    ...(external && {
      external: {
        metricName: external.metric.name,
        metricSelector: external.metric.selector,
        currentValue: external.current.value ?? '0',
        currentAverageValue: external.current.averageValue,
      },
    }),
  };
}

function statusToV2({
  type,
  resource,
  containerResource,
  pods,
  object,
  external,
}: MetricStatusV1): MetricStatus {
  const ofResource = (one: { currentAverageUtilization?: number | undefined; currentAverageValue: string }) =>
    given({ averageUtilization: one.currentAverageUtilization, averageValue: one.currentAverageValue });
  return {
    type,
    ...(resource && { resource: { name: resource.name, current: ofResource(resource) } }),
    ...(containerResource && {
      containerResource: {
        name: containerResource.name,
        container: containerResource.container,
        current: ofResource(containerResource),
      },
    }),
    ...(pods && {
      pods: {
        metric: { name: pods.metricName, ...given({ selector: pods.selector }) },
        current: { averageValue: pods.currentAverageValue },
      },
    }),
    ...(object && {
      object: {
        describedObject: object.target,
        metric: { name: object.metricName, ...given({ selector: object.selector }) },
        current: given({ value: object.currentValue, averageValue: object.averageValue }),
      },
    }),
    ...(external && {
      external: {
        metric: { name: external.metricName, ...given({ selector: external.metricSelector }) },
        current: given({ value: external.currentValue, averageValue: external.currentAverageValue }),
      },
    }),
  };
}

/** Without what is undefined: objects are stored as they are. */
function given<T extends object>(object: T): Partial<T> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as Partial<T>;
}

const upper = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1);
const lower = (name: string): string => name.charAt(0).toLowerCase() + name.slice(1);

/** Go's names for the fields of the behaviour, which upstream writes without tags, and back. */
function renamed(value: unknown, rename: (name: string) => string): unknown {
  if (Array.isArray(value)) return value.map((one) => renamed(one, rename));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, member]) => member !== undefined && member !== null);
  return Object.fromEntries(entries.map(([name, member]) => [rename(name), renamed(member, rename)]));
}

const withoutOurs = (annotations: Readonly<Record<string, string>> = {}): Record<string, string> =>
  Object.fromEntries(Object.entries(annotations).filter(([key]) => !OURS.has(key)));

function withAnnotations(
  metadata: HpaV2['metadata'],
  annotations: Record<string, string>,
): HpaV2['metadata'] {
  const { annotations: _before, ...rest } = metadata;
  return Object.keys(annotations).length > 0 ? { ...rest, annotations } : rest;
}

/** Anybody may write an annotation: what can't be read is not there. */
function listIn<T extends object>(text: string | undefined): T[] | undefined {
  const list = parsed(text);
  const good = Array.isArray(list) && list.every((one) => typeof one === 'object' && one !== null);
  return good ? (list as T[]) : undefined;
}

function objectIn(text: string | undefined): object | undefined {
  const value = parsed(text);
  const good = typeof value === 'object' && value !== null && !Array.isArray(value);
  return good && Object.keys(value).length > 0 ? value : undefined;
}

function parsed(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '');
  } catch {
    return undefined;
  }
}
