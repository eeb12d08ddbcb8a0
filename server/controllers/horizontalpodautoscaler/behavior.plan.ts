/**
 * From what metrics ask for to what is done: recommendations of the recent past hold a change back, and policies say
 * how fast the number may move. Rule: the normalisation in upstream's `horizontal.go`. The past is data that goes in
 * and comes out; who keeps it forgets it with the process, as upstream's does.
 */
import type {
  HorizontalPodAutoscalerBehavior,
  HPAScalingRules,
} from '#proto/schema/generated/autoscaling-v2.ts';

/** Without a window of its own, a set shrinks to the highest number of the last five minutes. */
const DOWNSCALE_WINDOW_S = 300;

interface Moment {
  readonly atMs: number;
  readonly replicas: number;
}

/** What one autoscaler remembers. */
export interface History {
  /** What metrics asked for. */
  readonly recommendations: readonly Moment[];
  /** By how much it grew, and shrank. */
  readonly ups: readonly Moment[];
  readonly downs: readonly Moment[];
}

export const NO_HISTORY: History = { recommendations: [], ups: [], downs: [] };

export interface Verdict {
  readonly status: 'True' | 'False';
  readonly reason: string;
  readonly message: string;
}

export interface Normalized {
  readonly replicas: number;
  readonly ableToScale: Verdict;
  readonly scalingLimited: Verdict;
  readonly history: History;
}

export interface NormalizeInput {
  readonly current: number;
  readonly desired: number;
  readonly min: number;
  readonly max: number;
  readonly behavior: HorizontalPodAutoscalerBehavior | undefined;
  readonly history: History;
  readonly now: number;
}

export function normalize(input: NormalizeInput): Normalized {
  const stabilized = input.behavior ? stabilizeBoth(input, input.behavior) : stabilizeDown(input);
  const limited = input.behavior
    ? limitByPolicies(input, stabilized.replicas, input.behavior)
    : limit(input, stabilized.replicas);
  const held = stabilized.replicas !== input.desired;
  return {
    replicas: limited.replicas,
    ableToScale: held
      ? { status: 'True', ...stabilized.why }
      : { status: 'True', reason: 'ReadyForNewScale', message: 'recommended size matches current size' },
    scalingLimited: { status: limited.replicas === stabilized.replicas ? 'False' : 'True', ...limited.why },
    history: remember(input),
  };
}

type Why = { readonly reason: string; readonly message: string };
interface Step {
  readonly replicas: number;
  readonly why: Why;
}

const DOWN_STABILIZED: Why = {
  reason: 'ScaleDownStabilized',
  message: 'recent recommendations were higher than current one, applying the highest recent recommendation',
};
const UP_STABILIZED: Why = {
  reason: 'ScaleUpStabilized',
  message: 'recent recommendations were lower than current one, applying the lowest recent recommendation',
};
const WITHIN: Why = {
  reason: 'DesiredWithinRange',
  message: 'the desired count is within the acceptable range',
};
const TOO_FEW: Why = {
  reason: 'TooFewReplicas',
  message: 'the desired replica count is less than the minimum replica count',
};
const TOO_MANY: Why = {
  reason: 'TooManyReplicas',
  message: 'the desired replica count is more than the maximum replica count',
};
const TOO_FAST_UP: Why = {
  reason: 'ScaleUpLimit',
  message: 'the desired replica count is increasing faster than the maximum scale rate',
};
const TOO_FAST_DOWN: Why = {
  reason: 'ScaleDownLimit',
  message: 'the desired replica count is decreasing faster than the maximum scale rate',
};

function stabilizeDown({ desired, history, now }: NormalizeInput): Step {
  const recent = history.recommendations.filter(({ atMs }) => atMs >= now - DOWNSCALE_WINDOW_S * 1000);
  return { replicas: Math.max(desired, ...recent.map(({ replicas }) => replicas)), why: DOWN_STABILIZED };
}

function stabilizeBoth(
  { current, desired, history, now }: NormalizeInput,
  { scaleUp, scaleDown }: HorizontalPodAutoscalerBehavior,
): Step {
  const since = (seconds: number): number[] =>
    history.recommendations.filter(({ atMs }) => atMs > now - seconds * 1000).map(({ replicas }) => replicas);
  const up = Math.min(desired, ...since(scaleUp?.stabilizationWindowSeconds ?? 0));
  const down = Math.max(desired, ...since(scaleDown?.stabilizationWindowSeconds ?? DOWNSCALE_WINDOW_S));
  const replicas = Math.min(Math.max(current, up), down);
  return { replicas, why: desired >= current ? UP_STABILIZED : DOWN_STABILIZED };
}

/** Without policies at most twice as many at a time, and four of few. */
function limit({ current, min, max }: NormalizeInput, desired: number): Step {
  const fastest = Math.max(2 * current, 4);
  const [most, why] = max > fastest ? [fastest, TOO_FAST_UP] : [max, TOO_MANY];
  if (desired < min) return { replicas: min, why: TOO_FEW };
  if (desired > most) return { replicas: most, why };
  return { replicas: desired, why: WITHIN };
}

function limitByPolicies(
  input: NormalizeInput,
  desired: number,
  { scaleUp, scaleDown }: HorizontalPodAutoscalerBehavior,
): Step {
  const { current, min, max } = input;
  if (desired > current) {
    const fastest = Math.max(current, fastestUp(input, scaleUp));
    const [most, why] = max > fastest ? [fastest, TOO_FAST_UP] : [max, TOO_MANY];
    if (desired > most) return { replicas: most, why };
  } else if (desired < current) {
    const fastest = Math.min(current, fastestDown(input, scaleDown));
    const [least, why] = min < fastest ? [fastest, TOO_FAST_DOWN] : [min, TOO_FEW];
    if (desired < least) return { replicas: least, why };
  }
  return { replicas: desired, why: WITHIN };
}

/** How many there were when the policy's period began. */
function atPeriodStart({ current, history, now }: NormalizeInput, seconds: number): number {
  const change = (moments: readonly Moment[]): number =>
    moments.reduce((sum, { atMs, replicas }) => (atMs > now - seconds * 1000 ? sum + replicas : sum), 0);
  return current - change(history.ups) + change(history.downs);
}

function fastestUp(input: NormalizeInput, rules: HPAScalingRules | undefined): number {
  if (rules?.selectPolicy === 'Disabled') return input.current;
  const proposals = (rules?.policies ?? []).map(({ type, value, periodSeconds }) => {
    const start = atPeriodStart(input, periodSeconds);
    return type === 'Pods' ? start + value : Math.ceil(start * (1 + value / 100));
  });
  return rules?.selectPolicy === 'Min' ? Math.min(...proposals) : Math.max(...proposals);
}

function fastestDown(input: NormalizeInput, rules: HPAScalingRules | undefined): number {
  if (rules?.selectPolicy === 'Disabled') return input.current;
  const proposals = (rules?.policies ?? []).map(({ type, value, periodSeconds }) => {
    const start = atPeriodStart(input, periodSeconds);
    return type === 'Pods' ? start - value : Math.trunc(start * (1 - value / 100));
  });
  return rules?.selectPolicy === 'Min' ? Math.max(...proposals) : Math.min(...proposals);
}

/** The history with what metrics ask for now, without what no window reaches any more. */
function remember({ behavior, history, desired, now }: NormalizeInput): History {
  const { scaleUp, scaleDown } = behavior ?? {};
  const longest = Math.max(
    scaleUp?.stabilizationWindowSeconds ?? 0,
    scaleDown?.stabilizationWindowSeconds ?? DOWNSCALE_WINDOW_S,
  );
  const kept = history.recommendations.filter(({ atMs }) => atMs >= now - longest * 1000);
  return { ...history, recommendations: [...kept, { atMs: now, replicas: desired }] };
}

/** The history after a change of the number was carried out; without policies nobody looks at it. */
export function withChange(
  history: History,
  behavior: HorizontalPodAutoscalerBehavior | undefined,
  before: number,
  after: number,
  now: number,
): History {
  if (!behavior) return history;
  const grew = after > before;
  const rules = grew ? behavior.scaleUp : behavior.scaleDown;
  const longest = Math.max(0, ...(rules?.policies ?? []).map(({ periodSeconds }) => periodSeconds));
  const moments = [
    ...(grew ? history.ups : history.downs).filter(({ atMs }) => atMs >= now - longest * 1000),
    { atMs: now, replicas: Math.abs(after - before) },
  ];
  return grew ? { ...history, ups: moments } : { ...history, downs: moments };
}

/** A first sight of a set is a recommendation to leave it: a restarted controller shrinks nothing at once. */
export const withFirst = (history: History, current: number, now: number): History =>
  history.recommendations.length > 0
    ? history
    : { ...history, recommendations: [{ atMs: now, replicas: current }] };
