import { timestamp } from '#proto/meta/timestamp.ts';
import type { Scale } from '#proto/schema/generated/autoscaling-v1.ts';
import type {
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerCondition,
  HorizontalPodAutoscalerStatus,
  MetricStatus,
} from '#proto/schema/generated/autoscaling-v2.ts';
import type { EventWords } from '#server/client/event-words.ts';
import {
  type History,
  normalize,
  type Verdict,
  withFirst,
} from '#server/controllers/horizontalpodautoscaler/behavior.plan.ts';
import { warning } from '#server/controllers/horizontalpodautoscaler/horizontalpodautoscaler.events.ts';
import { type MetricsInput, proposalOf } from '#server/controllers/horizontalpodautoscaler/metrics.plan.ts';

export interface AutoscaleInput extends Omit<MetricsInput, 'currentReplicas'> {
  readonly scale: Scale;
  /** Why the target's Pods can't be told; with the reasons of event and condition. */
  readonly selectorProblem: SelectorProblem | undefined;
  readonly history: History;
}

export interface SelectorProblem {
  readonly event: string;
  readonly reason: string;
  readonly error: string;
  readonly message: string;
}

export interface AutoscalePlan {
  /** The number to set; undefined: it stays. */
  readonly rescale: { readonly replicas: number; readonly reason: string } | undefined;
  /** As it is where nothing is set, or the setting fails; {@link afterRescale} makes the other one of it. */
  readonly status: HorizontalPodAutoscalerStatus;
  readonly events: readonly EventWords[];
  readonly history: History;
}

/** One look at a target that has a scale. Rule: upstream's `reconcileAutoscaler`. */
export function planAutoscale(input: AutoscaleInput): AutoscalePlan {
  const { hpa, scale, now } = input;
  const { minReplicas: min = 1, maxReplicas: max } = hpa.spec;
  const current = scale.spec?.replicas ?? 0;
  const history = withFirst(input.history, current, now);
  const conditions = conditionsOf(hpa, now);
  conditions.set('AbleToScale', {
    status: 'True',
    reason: 'SucceededGetScale',
    message: "the HPA controller was able to get the target's current scale",
  });
  const done = (
    replicas: number,
    reason: string,
    rest: {
      metrics?: MetricStatus[] | undefined;
      events?: EventWords[];
      history?: History;
      failed?: boolean;
    } = {},
  ): AutoscalePlan => ({
    rescale: replicas === current ? undefined : { replicas, reason },
    status: {
      ...(hpa.status?.lastScaleTime ? { lastScaleTime: hpa.status.lastScaleTime } : {}),
      currentReplicas: current,
      desiredReplicas: rest.failed ? (hpa.status?.desiredReplicas ?? 0) : replicas,
      // Go writes a list that was never made as null, and drops it on the way in: here it is empty.
      currentMetrics: rest.metrics ?? [],
      conditions: conditions.list(),
    },
    events: rest.events ?? [],
    history: rest.history ?? history,
  });
  if (current === 0) {
    conditions.set('ScalingActive', {
      status: 'False',
      reason: 'ScalingDisabled',
      message: 'scaling is disabled since the replica count of the target is zero',
    });
    return done(0, '');
  }
  if (current > max) return done(max, 'Current number of replicas above Spec.MaxReplicas');
  if (current < min) return done(min, 'Current number of replicas below Spec.MinReplicas');

  const asked = askMetrics(input, current);
  conditions.set('ScalingActive', asked.active);
  const { metrics, events } = asked;
  if (asked.replicas === undefined) return done(current, '', { metrics, events, failed: true });
  const desired = asked.replicas;
  const normalized = normalize({ current, desired, min, max, behavior: hpa.spec.behavior, history, now });
  conditions.set('AbleToScale', normalized.ableToScale);
  conditions.set('ScalingLimited', normalized.scalingLimited);
  const reason =
    desired > current ? `${asked.name} above target` : desired < current ? 'All metrics below target' : '';
  return done(normalized.replicas, reason, { metrics, events, history: normalized.history });
}

interface Asked {
  /** Undefined: nothing can be done for want of metrics. */
  readonly replicas: number | undefined;
  readonly name: string;
  readonly metrics: MetricStatus[];
  readonly active: Verdict;
  readonly events: EventWords[];
}

/** The most that any metric asks for. One that says nothing may stand in the way of shrinking, never of growing. */
function askMetrics(input: AutoscaleInput, current: number): Asked {
  const { hpa, selectorProblem } = input;
  const inactive = (reason: string, message: string): Verdict => ({ status: 'False', reason, message });
  if (selectorProblem) {
    const { event, reason, error, message } = selectorProblem;
    const events = [warning(event, error), warning('FailedComputeMetricsReplicas', error)];
    return { replicas: undefined, name: '', metrics: [], active: inactive(reason, message), events };
  }
  const specs = hpa.spec.metrics ?? [];
  const proposals = specs.map((spec) => proposalOf({ ...input, currentReplicas: current }, spec));
  const metrics = proposals.map((one) => ('error' in one ? { type: '' } : one.status));
  const invalid = proposals.filter((one) => 'error' in one);
  const valid = proposals.flatMap((one) => ('error' in one ? [] : [one]));
  const best = valid.reduce<(typeof valid)[number] | undefined>(
    (so, one) => (!so || so.replicas === 0 || one.replicas > so.replicas ? one : so),
    undefined,
  );
  const events = invalid.map(({ reason, cause }) => warning(reason, cause));
  const [first] = invalid;
  if (first && (!best || best.replicas < current)) {
    const message = `the HPA was unable to compute the replica count: ${first.cause}`;
    const all = `invalid metrics (${invalid.length} invalid out of ${specs.length}), first error is: ${first.error}`;
    events.push(warning('FailedComputeMetricsReplicas', all));
    return { replicas: undefined, name: '', metrics, active: inactive(first.reason, message), events };
  }
  const name = best?.name ?? '';
  const message = `the HPA was able to successfully calculate a replica count from ${name}`;
  const active: Verdict = { status: 'True', reason: 'ValidMetricFound', message };
  return { replicas: best?.replicas ?? 0, name, metrics, active, events };
}

/** The status where the target has no scale that can be read. */
export const withoutScale = (
  hpa: HorizontalPodAutoscaler,
  error: string,
  now: number,
): HorizontalPodAutoscalerStatus =>
  withCondition(hpa, { desiredReplicas: 0, currentMetrics: [], ...hpa.status }, now, {
    status: 'False',
    reason: 'FailedGetScale',
    message: `the HPA controller was unable to get the target's current scale: ${error}`,
  });

/** The status after the number was set, or could not be. */
export const afterRescale = (
  hpa: HorizontalPodAutoscaler,
  status: HorizontalPodAutoscalerStatus,
  result: { readonly replicas: number } | { readonly error: string },
  now: number,
): HorizontalPodAutoscalerStatus =>
  'error' in result
    ? withCondition(hpa, { ...status, desiredReplicas: hpa.status?.desiredReplicas ?? 0 }, now, {
        status: 'False',
        reason: 'FailedUpdateScale',
        message: `the HPA controller was unable to update the target scale: ${result.error}`,
      })
    : withCondition(hpa, { ...status, lastScaleTime: timestamp(now) }, now, {
        status: 'True',
        reason: 'SucceededRescale',
        message: `the HPA controller was able to update the target scale to ${result.replicas}`,
      });

function withCondition(
  hpa: HorizontalPodAutoscaler,
  status: HorizontalPodAutoscalerStatus,
  now: number,
  verdict: Verdict,
): HorizontalPodAutoscalerStatus {
  const conditions = conditionsOf({ ...hpa, status }, now);
  conditions.set('AbleToScale', verdict);
  return { ...status, conditions: conditions.list() };
}

/** The conditions so far; a transition is when the status changes, words may change without one. */
function conditionsOf({ status }: HorizontalPodAutoscaler, now: number) {
  const before = status?.conditions ?? [];
  const all = new Map(before.map((condition) => [condition.type, condition]));
  return {
    set: (type: string, verdict: Verdict): void => {
      const known = before.find((condition) => condition.type === type);
      const same = known?.status === verdict.status;
      const lastTransitionTime = (same && known?.lastTransitionTime) || timestamp(now);
      all.set(type, { type, ...verdict, lastTransitionTime });
    },
    list: (): HorizontalPodAutoscalerCondition[] => [...all.values()],
  };
}
