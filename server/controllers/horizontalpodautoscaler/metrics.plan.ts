import { printedSelector } from '#proto/meta/printed-selector.ts';
import { formatQuantity, milliValue, parseQuantity } from '#proto/meta/quantity.ts';
import type {
  HorizontalPodAutoscaler,
  HPAScalingRules,
  MetricIdentifier,
  MetricSpec,
  MetricStatus,
  MetricTarget,
  MetricValueStatus,
} from '#proto/schema/generated/autoscaling-v2.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import type { PodMetrics } from '#proto/schema/generated/metrics-v1beta1.ts';
import {
  type Count,
  countByAverage,
  countByUtilization,
  noMetrics,
  type Tolerances,
} from '#server/controllers/horizontalpodautoscaler/replica-count.plan.ts';

const TOLERANCE = 0.1;

export interface MetricsInput {
  readonly hpa: HorizontalPodAutoscaler;
  readonly currentReplicas: number;
  /** Those that the target's selector selects. */
  readonly pods: readonly Pod[];
  /** Of those Pods, from `metrics.k8s.io`; or why there are none. */
  readonly metrics: readonly PodMetrics[] | { readonly error: string };
  readonly now: number;
}

/** What one metric asks for. */
export type Proposal =
  | { readonly replicas: number; readonly name: string; readonly status: MetricStatus }
  /** `reason` and `cause` are for the event and the condition, `error` says which metric it was. */
  | { readonly reason: string; readonly cause: string; readonly error: string };

/** Custom and external metrics come from APIs that a cluster adds; here nobody does. */
const NO_CUSTOM =
  'unable to fetch metrics from custom metrics API: no custom metrics API (custom.metrics.k8s.io) registered';

export function proposalOf(input: MetricsInput, spec: MetricSpec): Proposal {
  switch (spec.type) {
    case 'Resource':
      return ofResource(input, spec.resource?.name ?? '', '', spec.resource?.target);
    case 'ContainerResource': {
      const { name = '', container = '', target } = spec.containerResource ?? {};
      return ofResource(input, name, container, target);
    }
    case 'Pods': {
      const cause = `unable to get metric ${spec.pods?.metric.name}: ${NO_CUSTOM}`;
      return { reason: 'FailedGetPodsMetric', cause, error: `failed to get pods metric value: ${cause}` };
    }
    case 'Object': {
      const { describedObject: { kind, name } = { kind: '', name: '' }, metric, target } = spec.object ?? {};
      const where = `${kind} ${input.hpa.metadata.namespace}/${name}`;
      const failed = `unable to get metric ${metric?.name}: ${NO_CUSTOM} on ${where}`;
      const nested =
        target?.type === 'AverageValue' ? `failed to get ${metric?.name} object metric: ${failed}` : failed;
      return {
        reason: 'FailedGetObjectMetric',
        cause: failed,
        error: `failed to get object metric value: ${nested}`,
      };
    }
    case 'External': {
      const { metric, target } = spec.external ?? {};
      const cause = noExternal(input.hpa.metadata.namespace ?? '', metric ?? { name: '' });
      const nested =
        target?.averageValue === undefined
          ? `failed to get external metric ${metric?.name}: ${cause}`
          : `failed to get ${metric?.name} external metric: ${cause}`;
      return {
        reason: 'FailedGetExternalMetric',
        cause,
        error: `failed to get ${metric?.name} external metric value: ${nested}`,
      };
    }
    default: {
      const cause = `unknown metric source type ${JSON.stringify(spec.type)}`;
      return { reason: 'InvalidMetricSourceType', cause, error: cause };
    }
  }
}

function noExternal(namespace: string, { name, selector }: MetricIdentifier): string {
  const missing = `the server could not find the requested resource (get ${name}.external.metrics.k8s.io)`;
  return (
    `unable to get external metric ${namespace}/${name}/${printedSelector(selector)}: ` +
    `unable to fetch metrics from external metrics API: ${missing}`
  );
}

function ofResource(
  input: MetricsInput,
  resource: string,
  container: string,
  target: MetricTarget | undefined,
): Proposal {
  const reason = container ? 'FailedGetContainerResourceMetric' : 'FailedGetResourceMetric';
  const outer = container
    ? `failed to get ${container} container metric value`
    : `failed to get ${resource} resource metric value`;
  const fail = (cause: string): Proposal => ({ reason, cause, error: `${outer}: ${cause}` });
  const byAverage = target?.averageValue;
  if (byAverage === undefined && target?.averageUtilization === undefined) {
    return fail(
      'invalid resource metric source: neither an average utilization target nor an average value (usage) target was set',
    );
  }
  const count = countOf(input, resource, container, target);
  if ('error' in count) {
    return fail(
      `failed to get ${resource} ${byAverage === undefined ? 'utilization' : 'usage'}: ${count.error}`,
    );
  }
  const current: MetricValueStatus = {
    ...(count.utilization === undefined ? {} : { averageUtilization: count.utilization }),
    averageValue: quantityOf(resource, count.average),
  };
  const what =
    container && byAverage === undefined ? `${resource} container resource` : `${resource} resource`;
  return {
    replicas: count.replicas,
    name: byAverage === undefined ? `${what} utilization (percentage of request)` : what,
    status: container
      ? { type: 'ContainerResource', containerResource: { name: resource, container, current } }
      : { type: 'Resource', resource: { name: resource, current } },
  };
}

function countOf(
  { metrics, hpa, ...rest }: MetricsInput,
  resource: string,
  container: string,
  target: MetricTarget | undefined,
): Count {
  if ('error' in metrics) {
    const why = `unable to fetch metrics from resource metrics API: ${metrics.error}`;
    return { error: noMetrics(resource, why) };
  }
  const input = { ...rest, metrics, resource, container, tolerances: tolerancesOf(hpa) };
  return target?.averageValue === undefined
    ? countByUtilization(input, target?.averageUtilization ?? 0)
    : countByAverage(input, Math.ceil(milliValue(target.averageValue)));
}

function tolerancesOf({ spec: { behavior } }: HorizontalPodAutoscaler): Tolerances {
  const of = (rules: HPAScalingRules | undefined): number => {
    if (rules?.tolerance === undefined) return TOLERANCE;
    const { unscaled, exponent } = parseQuantity(rules.tolerance);
    return Number(unscaled) * 10 ** exponent;
  };
  return { up: of(behavior?.scaleUp), down: of(behavior?.scaleDown) };
}

/** Memory as metrics-server writes it, all else in thousandths. */
const quantityOf = (resource: string, milli: number): string =>
  formatQuantity({
    unscaled: BigInt(milli),
    exponent: -3,
    format: resource === 'memory' ? 'BinarySI' : 'DecimalSI',
  });
