import { timestamp } from '#proto/meta/timestamp.ts';
import type {
  Deployment,
  DeploymentCondition,
  DeploymentStatus,
  ReplicaSet,
} from '#proto/schema/generated/apps-v1.ts';
import { replicasOf, resolveFenceposts, totalReplicas } from '#server/controllers/deployment/rolling.plan.ts';
import { omitEmpty } from '#server/controllers/json.ts';
import { timeOf } from '#server/controllers/timestamps.ts';

/** What a condition says; times are added when it changes. */
export interface Verdict {
  readonly type: 'Available' | 'Progressing' | 'ReplicaFailure';
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
}

/** What the rollout did in this round, for the Progressing condition. */
export type RolloutNote =
  | { readonly type: 'created'; readonly replicaSet: string }
  | { readonly type: 'found'; readonly replicaSet: string }
  | { readonly type: 'createFailed'; readonly replicaSet: string; readonly message: string };

const NO_DEADLINE = 2 ** 31 - 1;

/** Undefined: nobody waits for progress. */
export function deadlineMsOf(deployment: Deployment): number | undefined {
  const seconds = deployment.spec.progressDeadlineSeconds;
  return seconds === undefined || seconds === NO_DEADLINE ? undefined : seconds * 1000;
}

const conditionOf = (status: DeploymentStatus | undefined, type: string): DeploymentCondition | undefined =>
  status?.conditions?.find((condition) => condition.type === type);

/** Same status and reason: nothing new. Same status: the transition is as old as before. */
export function setCondition(
  conditions: readonly DeploymentCondition[],
  verdict: Verdict,
  now: number,
): DeploymentCondition[] {
  const current = conditions.find((condition) => condition.type === verdict.type);
  if (current?.status === verdict.status && current.reason === verdict.reason) return [...conditions];
  const time = timestamp(now);
  const next: DeploymentCondition = {
    ...verdict,
    lastUpdateTime: time,
    lastTransitionTime: current?.status === verdict.status ? current.lastTransitionTime : time,
  };
  return [...conditions.filter((condition) => condition.type !== verdict.type), next];
}

const without = (conditions: readonly DeploymentCondition[], type: string): DeploymentCondition[] =>
  conditions.filter((condition) => condition.type !== type);

/** The status that the ReplicaSets amount to, Progressing as it was. */
export function planCounts(
  deployment: Deployment,
  newSet: ReplicaSet | undefined,
  all: readonly ReplicaSet[],
  now: number,
): DeploymentStatus {
  const sum = (of: (rs: ReplicaSet) => number | undefined): number =>
    all.reduce((total, rs) => total + (of(rs) ?? 0), 0);
  const available = sum((rs) => rs.status?.availableReplicas);
  const enough = available >= replicasOf(deployment) - resolveFenceposts(deployment).maxUnavailable;
  const verdict: Verdict = enough
    ? {
        type: 'Available',
        status: 'True',
        reason: 'MinimumReplicasAvailable',
        message: 'Deployment has minimum availability.',
      }
    : {
        type: 'Available',
        status: 'False',
        reason: 'MinimumReplicasUnavailable',
        message: 'Deployment does not have minimum availability.',
      };
  return omitEmpty<DeploymentStatus>({
    observedGeneration: deployment.metadata.generation,
    replicas: sum((rs) => rs.status?.replicas),
    updatedReplicas: newSet?.status?.replicas,
    readyReplicas: sum((rs) => rs.status?.readyReplicas),
    availableReplicas: available,
    unavailableReplicas: Math.max(0, totalReplicas(all) - available),
    terminatingReplicas: sum((rs) => rs.status?.terminatingReplicas),
    collisionCount: deployment.status?.collisionCount,
    conditions: setCondition(deployment.status?.conditions ?? [], verdict, now),
  });
}

/** Every replica is of the newest template and available, and the spec that was seen is the newest. */
export function isComplete(deployment: Deployment, status: DeploymentStatus): boolean {
  const wanted = replicasOf(deployment);
  return (
    (status.updatedReplicas ?? 0) === wanted &&
    (status.replicas ?? 0) === wanted &&
    (status.availableReplicas ?? 0) === wanted &&
    (status.observedGeneration ?? 0) >= (deployment.metadata.generation ?? 0)
  );
}

function hasMoved(before: DeploymentStatus | undefined, after: DeploymentStatus): boolean {
  const of = (status: DeploymentStatus | undefined) => ({
    updated: status?.updatedReplicas ?? 0,
    old: (status?.replicas ?? 0) - (status?.updatedReplicas ?? 0),
    ready: status?.readyReplicas ?? 0,
    available: status?.availableReplicas ?? 0,
  });
  const a = of(before);
  const b = of(after);
  return b.updated > a.updated || b.old < a.old || b.ready > a.ready || b.available > a.available;
}

/** The status during a rollout. `note` tells what happened to the new ReplicaSet just now. */
export function planRolloutStatus(
  deployment: Deployment,
  newSet: ReplicaSet | undefined,
  all: readonly ReplicaSet[],
  note: RolloutNote | undefined,
  now: number,
): DeploymentStatus {
  const status = planCounts(deployment, newSet, all, now);
  let conditions = status.conditions ?? [];
  const deadlineMs = deadlineMsOf(deployment);
  if (deadlineMs === undefined) conditions = without(conditions, 'Progressing');
  else {
    if (note) conditions = setCondition(conditions, noteVerdict(note), now);
    const current = conditions.find((condition) => condition.type === 'Progressing');
    const wasComplete =
      (status.replicas ?? 0) === (status.updatedReplicas ?? 0) &&
      current?.reason === 'NewReplicaSetAvailable';
    if (!wasComplete && !(note && note.type !== 'found')) {
      conditions = progress(deployment, newSet, status, conditions, deadlineMs, now);
    }
  }
  conditions = withReplicaFailure(conditions, newSet, all);
  return omitEmpty({ ...status, conditions });
}

function noteVerdict(note: RolloutNote): Verdict {
  const name = JSON.stringify(note.replicaSet);
  if (note.type === 'createFailed') {
    return {
      type: 'Progressing',
      status: 'False',
      reason: 'ReplicaSetCreateError',
      message: `Failed to create new replica set ${name}: ${note.message}`,
    };
  }
  const created = note.type === 'created';
  return {
    type: 'Progressing',
    status: 'True',
    reason: created ? 'NewReplicaSetCreated' : 'FoundNewReplicaSet',
    message: `${created ? 'Created' : 'Found'} new replica set ${name}`,
  };
}

function progress(
  deployment: Deployment,
  newSet: ReplicaSet | undefined,
  status: DeploymentStatus,
  conditions: readonly DeploymentCondition[],
  deadlineMs: number,
  now: number,
): DeploymentCondition[] {
  const who = newSet ? `ReplicaSet "${newSet.metadata.name}"` : `Deployment "${deployment.metadata.name}"`;
  const say = (state: 'True' | 'False', reason: string, what: string): Verdict => ({
    type: 'Progressing',
    status: state,
    reason,
    message: `${who} ${what}`,
  });
  if (isComplete(deployment, status)) {
    const done = say('True', 'NewReplicaSetAvailable', 'has successfully progressed.');
    return setCondition(conditions, done, now);
  }
  const current = conditions.find((condition) => condition.type === 'Progressing');
  if (hasMoved(deployment.status, status)) {
    // Each step renews lastUpdateTime, from which the deadline counts.
    const time = timestamp(now);
    const moved = say('True', 'ReplicaSetUpdated', 'is progressing.');
    const since = current?.status === 'True' ? current.lastTransitionTime : time;
    return [
      ...without(conditions, 'Progressing'),
      { ...moved, lastUpdateTime: time, lastTransitionTime: since },
    ];
  }
  if (isTimedOut(current, deadlineMs, now)) {
    return setCondition(
      conditions,
      say('False', 'ProgressDeadlineExceeded', 'has timed out progressing.'),
      now,
    );
  }
  return [...conditions];
}

function isTimedOut(current: DeploymentCondition | undefined, deadlineMs: number, now: number): boolean {
  if (!current || current.reason === 'NewReplicaSetAvailable') return false;
  if (current.reason === 'ProgressDeadlineExceeded') return true;
  return timeOf(current.lastUpdateTime) + deadlineMs < now;
}

/** The failure of the new ReplicaSet, else of any other that still has replicas. */
function withReplicaFailure(
  conditions: readonly DeploymentCondition[],
  newSet: ReplicaSet | undefined,
  all: readonly ReplicaSet[],
): DeploymentCondition[] {
  const failureOf = (rs: ReplicaSet | undefined) =>
    rs?.status?.conditions?.find((condition) => condition.type === 'ReplicaFailure');
  const failure =
    failureOf(newSet) ??
    all
      .filter((rs) => replicasOf(rs) > 0)
      .map(failureOf)
      .find((c) => c !== undefined);
  const others = without(conditions, 'ReplicaFailure');
  if (!failure) return others;
  const time = failure.lastTransitionTime;
  return [...others, { ...failure, lastUpdateTime: time, lastTransitionTime: time }];
}

/** When a rollout that stands still must be looked at again; undefined: no need. */
export function progressCheckAfterMs(
  deployment: Deployment,
  status: DeploymentStatus,
  now: number,
): number | undefined {
  const deadlineMs = deadlineMsOf(deployment);
  const current = conditionOf(status, 'Progressing');
  if (deadlineMs === undefined || !current || isComplete(deployment, status)) return undefined;
  if (current.reason === 'ProgressDeadlineExceeded') return undefined;
  // Conditions have whole seconds: one more, so that the deadline has really passed.
  return Math.max(1000, timeOf(current.lastUpdateTime) + deadlineMs - now + 1000);
}

/** Pausing stops the progress clock, resuming starts it anew. */
export function pauseVerdict(deployment: Deployment): Verdict | undefined {
  if (deadlineMsOf(deployment) === undefined) return undefined;
  const reason = conditionOf(deployment.status, 'Progressing')?.reason;
  if (reason === 'ProgressDeadlineExceeded') return undefined;
  const paused = deployment.spec.paused === true;
  const marked = reason === 'DeploymentPaused';
  if (paused === marked) return undefined;
  return {
    type: 'Progressing',
    status: 'Unknown',
    reason: paused ? 'DeploymentPaused' : 'DeploymentResumed',
    message: paused ? 'Deployment is paused' : 'Deployment is resumed',
  };
}
