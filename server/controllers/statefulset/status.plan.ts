import type { StatefulSet, StatefulSetStatus } from '#proto/schema/generated/apps-v1.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import { omitEmpty } from '#server/controllers/json.ts';
import { isPodReady, msUntilAvailable } from '#server/controllers/pod-state.ts';
import { replicasOf, revisionNameOf } from '#server/controllers/statefulset/identity.plan.ts';

export const isTerminating = (pod: Pod): boolean => pod.metadata.deletionTimestamp !== undefined;

export const isRunningAndReady = (pod: Pod): boolean => pod.status?.phase === 'Running' && isPodReady(pod);

export const isRunningAndAvailable = (pod: Pod, minReadySeconds: number, now: number): boolean =>
  pod.status?.phase === 'Running' && msUntilAvailable(pod, minReadySeconds, now) === 0;

export interface StatusInput {
  readonly set: StatefulSet;
  readonly pods: readonly Pod[];
  /** Names of revisions. */
  readonly current: string;
  readonly update: string;
  readonly collisionCount: number | undefined;
  readonly now: number;
}

export interface StatusPlan {
  readonly status: StatefulSetStatus;
  /** When a ready Pod becomes available without an event that says so. */
  readonly requeueAfterMs: number | undefined;
}

/** What the Pods amount to; a finished rolling update makes the update revision the current one. */
export function planStatus({ set, pods, current, update, collisionCount, now }: StatusInput): StatusPlan {
  const minReadySeconds = set.spec.minReadySeconds ?? 0;
  const settled = pods.filter((pod) => !isTerminating(pod));
  const ready = pods.filter(isRunningAndReady);
  const waits = ready.map((pod) => msUntilAvailable(pod, minReadySeconds, now) ?? 0).filter((ms) => ms > 0);
  const currentReplicas = settled.filter((pod) => revisionNameOf(pod) === current).length;
  const updatedReplicas = settled.filter((pod) => revisionNameOf(pod) === update).length;
  const replicas = replicasOf(set);
  const complete =
    set.spec.updateStrategy?.type !== 'OnDelete' &&
    pods.length === replicas &&
    updatedReplicas === replicas &&
    ready.length === replicas;
  const status: StatefulSetStatus = {
    replicas: pods.length,
    availableReplicas: ready.length - waits.length,
    ...omitEmpty({
      readyReplicas: ready.length,
      currentReplicas: complete ? updatedReplicas : currentReplicas,
      updatedReplicas,
      currentRevision: complete ? update : current,
      updateRevision: update,
      observedGeneration: set.metadata.generation,
      conditions: set.status?.conditions,
    }),
    // Go leaves out a pointer only when it is nil: upstream always writes this one.
    collisionCount: collisionCount ?? 0,
  };
  return { status, requeueAfterMs: waits.length > 0 ? Math.min(...waits) : undefined };
}
