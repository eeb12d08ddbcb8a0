import { timestamp } from '#proto/meta/timestamp.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import type { PodDisruptionBudget, PodDisruptionBudgetStatus } from '#proto/schema/generated/policy-v1.ts';
import { resolveIntOrPercent } from '#server/controllers/int-or-percent.ts';
import { isPodActive, isPodReady } from '#server/controllers/pod-state.ts';
import { timeOf } from '#server/controllers/timestamps.ts';

/** An eviction that was granted but not seen within this time was not carried out. */
const DISRUPTION_MS = 2 * 60_000;

export interface DisruptionInput {
  readonly budget: PodDisruptionBudget;
  /** Those that the budget selects. */
  readonly pods: readonly Pod[];
  /** Replicas that the pods' controllers want, each controller once. */
  readonly expectedByControllers: number;
  readonly now: number;
}

export interface DisruptionPlan {
  readonly status: PodDisruptionBudgetStatus;
  readonly requeueAfterMs: number | undefined;
}

/** How many pods may be evicted now. Rule: upstream's `disruption.go`. */
export function planDisruption({
  budget,
  pods,
  expectedByControllers,
  now,
}: DisruptionInput): DisruptionPlan {
  const { minAvailable, maxUnavailable } = budget.spec;
  // Pods that have ended serve nobody and are expected by nobody.
  const alive = pods.filter((pod) => pod.status?.phase !== 'Succeeded' && pod.status?.phase !== 'Failed');
  let expected = alive.length;
  let desired = 0;
  if (maxUnavailable !== undefined) {
    expected = expectedByControllers;
    desired = Math.max(0, expected - resolveIntOrPercent(maxUnavailable, expected, 'up'));
  } else if (typeof minAvailable === 'string') {
    expected = expectedByControllers;
    desired = resolveIntOrPercent(minAvailable, expected, 'up');
  } else desired = minAvailable ?? 0;

  const { disrupted, requeueAfterMs } = openDisruptions(budget, alive, now);
  const healthy = alive.filter(
    (pod) => isPodActive(pod) && isPodReady(pod) && !(pod.metadata.name && disrupted[pod.metadata.name]),
  ).length;
  const allowed = expected > 0 ? Math.max(0, healthy - desired) : 0;
  const status = allowed > 0 ? 'True' : 'False';
  const known = budget.status?.conditions?.find(({ type }) => type === 'DisruptionAllowed');
  return {
    requeueAfterMs,
    status: {
      observedGeneration: budget.metadata.generation,
      ...(Object.keys(disrupted).length > 0 ? { disruptedPods: disrupted } : {}),
      disruptionsAllowed: allowed,
      currentHealthy: healthy,
      desiredHealthy: desired,
      expectedPods: expected,
      conditions: [
        ...(budget.status?.conditions ?? []).filter(({ type }) => type !== 'DisruptionAllowed'),
        {
          type: 'DisruptionAllowed',
          status,
          observedGeneration: budget.metadata.generation,
          lastTransitionTime: known?.status === status ? known.lastTransitionTime : timestamp(now),
          reason: allowed > 0 ? 'SufficientPods' : 'InsufficientPods',
          message: '',
        },
      ],
    },
  };
}

/** Granted evictions whose pods are still there untouched: they count as gone for two minutes. */
function openDisruptions(
  budget: PodDisruptionBudget,
  pods: readonly Pod[],
  now: number,
): { disrupted: Record<string, string>; requeueAfterMs: number | undefined } {
  const disrupted: Record<string, string> = {};
  let requeueAfterMs: number | undefined;
  for (const [name, time] of Object.entries(budget.status?.disruptedPods ?? {})) {
    const pod = pods.find(({ metadata }) => metadata.name === name);
    const left = timeOf(time) + DISRUPTION_MS - now;
    if (!pod || pod.metadata.deletionTimestamp || left <= 0) continue;
    disrupted[name] = time;
    requeueAfterMs = Math.min(left, requeueAfterMs ?? left);
  }
  return { disrupted, requeueAfterMs };
}
