import type { DaemonSet, DaemonSetStatus } from '#proto/schema/generated/apps-v1.ts';
import type { Node, Pod } from '#proto/schema/generated/core-v1.ts';
import type { EventWords } from '#server/client/event-words.ts';
import { planBudget } from '#server/controllers/daemonset/budget.plan.ts';
import { isUpdated } from '#server/controllers/daemonset/daemon-pod.plan.ts';
import { planManage } from '#server/controllers/daemonset/manage.plan.ts';
import { isAvailable, type NodePods, sortPods } from '#server/controllers/daemonset/node-pods.plan.ts';
import { planRolling } from '#server/controllers/daemonset/rolling.plan.ts';
import { omitEmpty } from '#server/controllers/json.ts';
import { isPodReady, msUntilAvailable } from '#server/controllers/pod-state.ts';

/** At most this many Pods are made or deleted in one go. */
const BURST = 250;

export interface DaemonSetInput {
  readonly set: DaemonSet;
  /** Of the present template's revision. */
  readonly hash: string;
  readonly collisionCount: number | undefined;
  readonly nodes: readonly Node[];
  /** All that the set manages. */
  readonly pods: readonly Pod[];
  readonly backoffMs: (nodeName: string) => number;
  readonly now: number;
}

export interface DaemonSetPlan {
  /** Nodes that get a Pod. */
  readonly create: readonly string[];
  readonly delete: readonly Pod[];
  readonly events: readonly EventWords[];
  readonly failedOn: readonly string[];
  readonly status: DaemonSetStatus;
  readonly requeueAfterMs: number | undefined;
}

/** Each node gets its Pod first; only where nothing is left to do for that, the update goes on. */
export function planDaemonSet(input: DaemonSetInput): DaemonSetPlan {
  const { set, hash, now } = input;
  const { nodes, stranded } = sortPods(set, input.nodes, input.pods);
  const status = planStatus(input, nodes);
  const manage = planManage(input, nodes);
  const waits = [manage.requeueAfterMs, nextAvailable(set, input.pods, now)].filter((ms) => ms !== undefined);
  const requeueAfterMs = waits.length > 0 ? Math.min(...waits) : undefined;
  const quiet = manage.create.length + manage.delete.length + stranded.length === 0;
  const rolls = quiet && set.spec.updateStrategy?.type !== 'OnDelete';
  const budget = planBudget(set, status.desiredNumberScheduled);
  const next = rolls
    ? planRolling({ set, hash, nodes, budget, now })
    : { create: manage.create, delete: [...manage.delete, ...stranded] };
  return {
    create: next.create.slice(0, BURST),
    delete: next.delete.slice(0, BURST),
    events: manage.events,
    failedOn: manage.failedOn,
    status,
    requeueAfterMs,
  };
}

/** When a ready Pod becomes available without an event that says so. */
function nextAvailable(set: DaemonSet, pods: readonly Pod[], now: number): number | undefined {
  const waits = pods
    .map((pod) => msUntilAvailable(pod, set.spec.minReadySeconds ?? 0, now) ?? 0)
    .filter((ms) => ms > 0);
  return waits.length > 0 ? Math.min(...waits) : undefined;
}

/** Counts nodes, not Pods: of several Pods on a node the first speaks. */
function planStatus(
  { set, hash, collisionCount, now }: DaemonSetInput,
  nodes: readonly NodePods[],
): DaemonSetStatus {
  const eligible = nodes.filter(({ shouldRun }) => shouldRun);
  const speakers = eligible.flatMap(({ pods }) => pods.slice(0, 1));
  const ready = speakers.filter(isPodReady);
  const available = ready.filter((pod) => isAvailable(set, pod, now)).length;
  return {
    currentNumberScheduled: speakers.length,
    numberMisscheduled: nodes.filter(({ shouldRun, pods }) => !shouldRun && pods.length > 0).length,
    desiredNumberScheduled: eligible.length,
    numberReady: ready.length,
    ...omitEmpty({
      observedGeneration: set.metadata.generation,
      updatedNumberScheduled: speakers.filter((pod) => isUpdated(set, pod, hash)).length,
      numberAvailable: available,
      numberUnavailable: eligible.length - available,
      collisionCount,
      conditions: set.status?.conditions,
    }),
  };
}
