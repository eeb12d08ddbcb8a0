import { timestamp } from '#proto/meta/timestamp.ts';
import type { ReplicaSetCondition, ReplicaSetStatus } from '#proto/schema/generated/apps-v1.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import type { OwnerReference } from '#proto/schema/generated/meta-v1.ts';
import { omitEmpty } from '#server/controllers/json.ts';
import { matchesLabels } from '#server/controllers/label-selector.ts';
import { isPodActive, isPodReady, isPodTerminal, msUntilAvailable } from '#server/controllers/pod-state.ts';
import { rankForDeletion } from '#server/controllers/replicaset/deletion-ranking.plan.ts';
import type { Workload } from '#server/controllers/replicaset/workload.ts';

export type ReplicaAction =
  | { readonly type: 'none' }
  | { readonly type: 'create'; readonly count: number }
  | { readonly type: 'delete'; readonly pods: readonly Pod[] };

/** At most this many pods are made or deleted in one go. */
const BURST = 500;

/** What brings the number of active pods to what is wanted. `siblings` are asked for where some must go. */
export function planReplicas(
  workload: Workload,
  pods: readonly Pod[],
  siblings: () => readonly Pod[],
  now: number,
): ReplicaAction {
  if (workload.metadata.deletionTimestamp) return { type: 'none' };
  const active = pods.filter(isPodActive);
  const surplus = active.length - workload.replicas;
  if (surplus === 0) return { type: 'none' };
  if (surplus < 0) return { type: 'create', count: Math.min(-surplus, BURST) };
  const ranked = rankForDeletion(active, siblings(), now);
  return { type: 'delete', pods: ranked.slice(0, Math.min(surplus, BURST)) };
}

/** A pod made from the template. The API server gives it its name. */
export function podFromTemplate(workload: Workload, owner: OwnerReference): Pod {
  const { template } = workload;
  const { labels, annotations, finalizers } = template.metadata ?? {};
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      generateName: generateNameOf(workload.metadata.name ?? ''),
      namespace: workload.metadata.namespace,
      ...(labels ? { labels } : {}),
      ...(annotations ? { annotations } : {}),
      ...(finalizers ? { finalizers } : {}),
      ownerReferences: [owner],
    },
    spec: template.spec as Pod['spec'],
  };
}

/** A dash, unless the name would not be a valid prefix with it. */
const generateNameOf = (name: string): string => (name.length < 253 ? `${name}-` : name);

export interface ReplicaFailure {
  readonly reason: 'FailedCreate' | 'FailedDelete';
  readonly message: string;
}

export interface StatusPlan {
  readonly status: ReplicaSetStatus;
  /** When a ready pod becomes available without an event that says so. */
  readonly requeueAfterMs: number | undefined;
}

/** Pods as the cache has them. */
export interface Observed {
  readonly pods: readonly Pod[];
  /** Deleted, though it does not show yet: a Deployment must not count on it. */
  readonly isGoing: (pod: Pod) => boolean;
  /** False while pods are missing that were made: then nothing can be said of the newest spec. */
  readonly isWhole: boolean;
}

/** The status that the pods amount to. Rule: upstream's `replica_set_utils.go`. */
export function planStatus(
  workload: Workload,
  { pods, isGoing, isWhole }: Observed,
  failure: ReplicaFailure | undefined,
  now: number,
): StatusPlan {
  const labels = workload.template.metadata?.labels ?? {};
  const active = pods.filter((pod) => isPodActive(pod) && !isGoing(pod));
  let fullyLabeled = 0;
  let ready = 0;
  let available = 0;
  let requeueAfterMs: number | undefined;
  for (const pod of active) {
    if (matchesLabels(labels, pod.metadata.labels)) fullyLabeled += 1;
    if (!isPodReady(pod)) continue;
    ready += 1;
    const wait = msUntilAvailable(pod, workload.minReadySeconds, now);
    if (wait === 0) available += 1;
    else if (wait !== undefined) requeueAfterMs = Math.min(wait, requeueAfterMs ?? wait);
  }
  const terminating = pods.filter(
    (pod) => (pod.metadata.deletionTimestamp || isGoing(pod)) && !isPodTerminal(pod),
  ).length;
  const status = {
    replicas: active.length,
    ...omitEmpty({
      fullyLabeledReplicas: fullyLabeled,
      readyReplicas: ready,
      availableReplicas: available,
      terminatingReplicas: terminating,
      observedGeneration: isWhole ? workload.metadata.generation : workload.status?.observedGeneration,
      conditions: planConditions(workload.status?.conditions ?? [], failure, now),
    }),
  };
  return { status, requeueAfterMs };
}

/** ReplicaFailure is there while it lasts; a repeated failure keeps its first words, as upstream's does. */
function planConditions(
  conditions: readonly ReplicaSetCondition[],
  failure: ReplicaFailure | undefined,
  now: number,
): ReplicaSetCondition[] {
  const current = conditions.find((condition) => condition.type === 'ReplicaFailure');
  const others = conditions.filter((condition) => condition.type !== 'ReplicaFailure');
  if (!failure) return others;
  if (current?.reason === failure.reason) return [...conditions];
  return [
    ...others,
    { type: 'ReplicaFailure', status: 'True', lastTransitionTime: timestamp(now), ...failure },
  ];
}
