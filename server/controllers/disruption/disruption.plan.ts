import { timestamp } from '#proto/meta/timestamp.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import type { Condition } from '#proto/schema/generated/meta-v1.ts';
import type { PodDisruptionBudget, PodDisruptionBudgetStatus } from '#proto/schema/generated/policy-v1.ts';
import { resolveIntOrPercent } from '#server/controllers/int-or-percent.ts';
import { isPodReady, isPodTerminal, podCondition } from '#server/controllers/pod-state.ts';
import { timeOf } from '#server/controllers/timestamps.ts';

/** An eviction that was granted but not seen within this time was not carried out. */
const DISRUPTION_MS = 2 * 60_000;

export interface DisruptionInput {
  readonly budget: PodDisruptionBudget;
  /** Those that the budget selects. */
  readonly pods: readonly Pod[];
  /** Replicas that the Pods' controllers want, each controller once; asked for by some budgets only. */
  readonly expected: number | undefined;
  readonly now: number;
}

export interface DisruptionPlan {
  readonly status: PodDisruptionBudgetStatus;
  /** Pods that were to be evicted, and are still there. */
  readonly notDeleted: readonly Pod[];
  readonly requeueAfterMs: number | undefined;
}

/** A number of Pods needs no controllers to be counted by; a share, and what may be missing, do. */
export const needsExpected = ({ spec }: PodDisruptionBudget): boolean =>
  spec.maxUnavailable !== undefined || typeof spec.minAvailable === 'string';

/** How many pods may be evicted now. Rule: upstream's `disruption.go`. */
export function planDisruption({
  budget,
  pods,
  expected = pods.length,
  now,
}: DisruptionInput): DisruptionPlan {
  const { minAvailable, maxUnavailable } = budget.spec;
  const desired =
    maxUnavailable === undefined
      ? resolveIntOrPercent(minAvailable, expected, 'up')
      : Math.max(0, expected - resolveIntOrPercent(maxUnavailable, expected, 'up'));
  const { disrupted, notDeleted, requeueAfterMs } = openDisruptions(budget, pods, now);
  const healthy = pods.filter(({ metadata }) => {
    const open = disrupted[metadata.name ?? ''];
    return !metadata.deletionTimestamp && !(open && timeOf(open) + DISRUPTION_MS > now);
  });
  const currentHealthy = healthy.filter(isPodReady).length;
  // None are expected: the budget's first Pods may be on their way.
  const allowed = expected > 0 ? Math.max(0, currentHealthy - desired) : 0;
  const status = {
    observedGeneration: budget.metadata.generation,
    ...(Object.keys(disrupted).length > 0 ? { disruptedPods: disrupted } : {}),
    disruptionsAllowed: allowed,
    currentHealthy,
    desiredHealthy: desired,
    expectedPods: expected,
  };
  const verdict =
    allowed > 0
      ? ({ status: 'True', reason: 'SufficientPods', message: '' } as const)
      : ({ status: 'False', reason: 'InsufficientPods', message: '' } as const);
  const { generation } = budget.metadata;
  return {
    status: { ...status, conditions: withVerdict(budget, verdict, generation, now) },
    notDeleted,
    requeueAfterMs,
  };
}

/** Where it can't be told how many may go, none may. */
export const planFailure = (
  budget: PodDisruptionBudget,
  error: string,
  now: number,
): PodDisruptionBudgetStatus => ({
  currentHealthy: 0,
  desiredHealthy: 0,
  expectedPods: 0,
  ...budget.status,
  disruptionsAllowed: 0,
  conditions: withVerdict(
    budget,
    { status: 'False', reason: 'SyncFailed', message: error },
    budget.status?.observedGeneration,
    now,
  ),
});

function withVerdict(
  { status }: PodDisruptionBudget,
  verdict: Pick<Condition, 'status' | 'reason' | 'message'>,
  observedGeneration: number | undefined,
  now: number,
): Condition[] {
  const type = 'DisruptionAllowed';
  const known = status?.conditions?.find((one) => one.type === type);
  const same = known?.status === verdict.status;
  const next: Condition = {
    type,
    ...verdict,
    ...(observedGeneration ? { observedGeneration } : {}),
    lastTransitionTime: same ? known.lastTransitionTime : timestamp(now),
  };
  return [...(status?.conditions ?? []).filter((one) => one.type !== type), next];
}

/** Granted evictions whose pods are still there untouched: they count as gone for two minutes. */
function openDisruptions(
  budget: PodDisruptionBudget,
  pods: readonly Pod[],
  now: number,
): { disrupted: Record<string, string>; notDeleted: Pod[]; requeueAfterMs: number | undefined } {
  const disrupted: Record<string, string> = {};
  const notDeleted: Pod[] = [];
  let requeueAfterMs: number | undefined;
  for (const pod of pods) {
    const { name = '', deletionTimestamp } = pod.metadata;
    const time = budget.status?.disruptedPods?.[name];
    if (deletionTimestamp || time === undefined) continue;
    const left = timeOf(time) + DISRUPTION_MS - now;
    if (left < 0) {
      notDeleted.push(pod);
      continue;
    }
    disrupted[name] = time;
    // One more, so that the time is over then.
    requeueAfterMs = Math.min(left + 1, requeueAfterMs ?? left + 1);
  }
  return { disrupted, notDeleted, requeueAfterMs };
}

/**
 * Milliseconds until a Pod that was said to go and is still there is said to stay; undefined: nothing is said of it.
 * What its board says of it is left alone: a board may take its time.
 */
export function msUntilStale(pod: Pod, now: number): number | undefined {
  const condition = podCondition(pod, 'DisruptionTarget');
  if (pod.metadata.deletionTimestamp || isPodTerminal(pod) || condition?.status !== 'True') return undefined;
  if (condition.reason === 'TerminationByKubelet') return undefined;
  return Math.max(0, timeOf(condition.lastTransitionTime) + DISRUPTION_MS - now);
}
