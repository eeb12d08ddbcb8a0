import { deployments } from '#proto/api/apps/deployments.ts';
import type { Deployment, DeploymentStatus, ReplicaSet } from '#proto/schema/generated/apps-v1.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import {
  DESIRED_REPLICAS,
  findNewReplicaSet,
  MAX_REPLICAS,
  nextRevision,
  REVISION,
  replicaSetAnnotations,
  revisionOf,
  TEMPLATE_HASH,
  templateHash,
} from '#server/controllers/deployment/revision.plan.ts';
import type { Sizes } from '#server/controllers/deployment/rolling.plan.ts';
import {
  isRolling,
  isScalingEvent,
  newReplicaSetSize,
  planRollingStep,
  planScaling,
  replicasOf,
  resolveFenceposts,
} from '#server/controllers/deployment/rolling.plan.ts';
import type { RolloutNote } from '#server/controllers/deployment/status.plan.ts';
import {
  isComplete,
  pauseVerdict,
  planCounts,
  planRolloutStatus,
  progressCheckAfterMs,
  setCondition,
} from '#server/controllers/deployment/status.plan.ts';
import { equalJson, omitEmpty } from '#server/controllers/json.ts';
import { controllerReference } from '#server/controllers/ownership.ts';
import { isPodTerminal } from '#server/controllers/pod-state.ts';

export type DeploymentAction =
  | { readonly type: 'createReplicaSet'; readonly replicaSet: ReplicaSet }
  /** `from` and `to` differ where it is scaled; else annotations or minReadySeconds change. */
  | { readonly type: 'updateReplicaSet'; readonly replicaSet: ReplicaSet; readonly from: number }
  | { readonly type: 'deleteReplicaSet'; readonly replicaSet: ReplicaSet }
  | { readonly type: 'setRevision'; readonly revision: string };

export interface DeploymentPlan {
  readonly actions: readonly DeploymentAction[];
  /** As it is after the actions have succeeded. */
  readonly status: DeploymentStatus;
  readonly requeueAfterMs: number | undefined;
}

export interface DeploymentInput {
  readonly deployment: Deployment;
  /** Those that it manages. */
  readonly replicaSets: readonly ReplicaSet[];
  /** Pods of a ReplicaSet, by its uid; asked for by `Recreate` only. */
  readonly podsOf: (uid: string) => readonly Pod[];
  readonly now: number;
}

/** ReplicaSets as they will be; each phase of the plan works on them. */
interface Rollout {
  readonly deployment: Deployment;
  newSet: ReplicaSet | undefined;
  old: ReplicaSet[];
  readonly actions: DeploymentAction[];
  note: RolloutNote | undefined;
}

/**
 * One round of a Deployment. Level driven: a round does one step (grow the new ReplicaSet, or shrink the old
 * ones), and the change that it makes brings the next. Rule: upstream's `pkg/controller/deployment`.
 */
export function planDeployment(input: DeploymentInput): DeploymentPlan {
  const { deployment, replicaSets, now } = input;
  const newSet = findNewReplicaSet(deployment, replicaSets);
  const old = replicaSets.filter((rs) => rs !== newSet);
  const rollout: Rollout = { deployment, newSet, old, actions: [], note: undefined };
  if (deployment.metadata.deletionTimestamp) return finishPaused(rollout, now);
  const pause = pauseVerdict(deployment);
  if (deployment.spec.paused || isScalingEvent(deployment, replicaSets)) {
    if (newSet) adoptRevision(rollout);
    resize(rollout, planScaling(deployment, rollout.newSet, rollout.old), true);
    if (deployment.spec.paused) planCleanup(rollout);
    return finishPaused(rollout, now, pause);
  }
  if (isRolling(deployment)) roll(rollout);
  else recreate(rollout, input.podsOf);
  const all = allOf(rollout);
  const base = pause
    ? { ...deployment, status: { ...deployment.status, conditions: conditionsWith(deployment, pause, now) } }
    : deployment;
  const status = planRolloutStatus(base, rollout.newSet, all, rollout.note, now);
  if (isComplete(deployment, status)) planCleanup(rollout);
  return { actions: rollout.actions, status, requeueAfterMs: progressCheckAfterMs(deployment, status, now) };
}

const allOf = (rollout: Rollout): ReplicaSet[] =>
  rollout.newSet ? [...rollout.old, rollout.newSet] : rollout.old;

const conditionsWith = (deployment: Deployment, verdict: Parameters<typeof setCondition>[1], now: number) =>
  setCondition(deployment.status?.conditions ?? [], verdict, now);

/** Paused, scaled or going: the progress clock is left alone. */
function finishPaused(
  rollout: Rollout,
  now: number,
  verdict?: Parameters<typeof setCondition>[1],
): DeploymentPlan {
  const status = planCounts(rollout.deployment, rollout.newSet, allOf(rollout), now);
  const conditions = status.conditions ?? [];
  return {
    actions: rollout.actions,
    status: omitEmpty({
      ...status,
      conditions: verdict ? setCondition(conditions, verdict, now) : conditions,
    }),
    requeueAfterMs: undefined,
  };
}

function roll(rollout: Rollout): void {
  ensureNewSet(rollout);
  const created = rollout.note?.type === 'created';
  // A set that is just being made has its first size already; the old ones wait for the next round.
  if (created || !rollout.newSet) return;
  resize(rollout, planRollingStep(rollout.deployment, rollout.newSet, rollout.old));
}

function recreate(rollout: Rollout, podsOf: DeploymentInput['podsOf']): void {
  if (rollout.newSet) ensureNewSet(rollout);
  const active = rollout.old.filter((rs) => replicasOf(rs) > 0);
  if (active.length > 0) {
    resize(rollout, new Map(active.map((rs) => [rs.metadata.name ?? '', 0])));
    return;
  }
  const running = rollout.old.some((rs) => podsOf(rs.metadata.uid ?? '').some((pod) => !isPodTerminal(pod)));
  if (running) return;
  ensureNewSet(rollout);
  if (rollout.newSet && rollout.note?.type !== 'created') {
    const name = rollout.newSet.metadata.name ?? '';
    resize(rollout, new Map([[name, replicasOf(rollout.deployment)]]));
  }
}

/** Finds or makes the ReplicaSet of the current template, with the revision that follows. */
function ensureNewSet(rollout: Rollout): void {
  if (rollout.newSet) {
    adoptRevision(rollout);
    const known = rollout.deployment.status?.conditions?.some((c) => c.type === 'Progressing');
    if (!known) rollout.note = { type: 'found', replicaSet: rollout.newSet.metadata.name ?? '' };
    return;
  }
  const created = newReplicaSet(rollout.deployment, rollout.old);
  rollout.newSet = created;
  rollout.note = { type: 'created', replicaSet: created.metadata.name ?? '' };
  rollout.actions.push({ type: 'createReplicaSet', replicaSet: created });
  setRevision(rollout, created);
}

/** A ReplicaSet that is found again (a rollback) becomes the newest revision. */
function adoptRevision(rollout: Rollout): void {
  const { deployment, newSet } = rollout;
  if (!newSet) return;
  const current = newSet.metadata.annotations ?? {};
  const annotations = replicaSetAnnotations(deployment, current, nextRevision(rollout.old));
  const minReadySeconds = deployment.spec.minReadySeconds ?? 0;
  const same = equalJson(annotations, current) && (newSet.spec.minReadySeconds ?? 0) === minReadySeconds;
  if (!same) {
    const next: ReplicaSet = {
      ...newSet,
      metadata: { ...newSet.metadata, annotations },
      spec: { ...newSet.spec, minReadySeconds },
    };
    rollout.newSet = next;
    rollout.actions.push({ type: 'updateReplicaSet', replicaSet: next, from: replicasOf(newSet) });
  }
  setRevision(rollout, rollout.newSet as ReplicaSet);
}

function setRevision(rollout: Rollout, newSet: ReplicaSet): void {
  const revision = newSet.metadata.annotations?.[REVISION];
  if (revision && rollout.deployment.metadata.annotations?.[REVISION] !== revision) {
    rollout.actions.push({ type: 'setRevision', revision });
  }
}

function newReplicaSet(deployment: Deployment, old: readonly ReplicaSet[]): ReplicaSet {
  const { template, selector, minReadySeconds } = deployment.spec;
  const hash = templateHash(template, deployment.status?.collisionCount);
  const labels = { ...template.metadata?.labels, [TEMPLATE_HASH]: hash };
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: `${deployment.metadata.name}-${hash}`,
      namespace: deployment.metadata.namespace,
      labels,
      annotations: {
        ...replicaSetAnnotations(deployment, {}, nextRevision(old)),
        ...sizeAnnotations(deployment),
      },
      ownerReferences: [controllerReference(deployment, deployments)],
    },
    spec: {
      replicas: newReplicaSetSize(deployment, old, 0),
      ...(minReadySeconds ? { minReadySeconds } : {}),
      selector: { ...selector, matchLabels: { ...selector?.matchLabels, [TEMPLATE_HASH]: hash } },
      template: { ...template, metadata: { ...template.metadata, labels } },
    },
  };
}

function sizeAnnotations(deployment: Deployment): Record<string, string> {
  const wanted = replicasOf(deployment);
  return {
    [DESIRED_REPLICAS]: String(wanted),
    [MAX_REPLICAS]: String(wanted + resolveFenceposts(deployment).maxSurge),
  };
}

/** Gives ReplicaSets their new sizes; with `mark`, active ones also learn the number they are made for. */
function resize(rollout: Rollout, sizes: Sizes, mark = false): void {
  const one = (rs: ReplicaSet): ReplicaSet => {
    const size = sizes.get(rs.metadata.name ?? '') ?? replicasOf(rs);
    const annotations = { ...rs.metadata.annotations, ...sizeAnnotations(rollout.deployment) };
    const stale = mark && replicasOf(rs) > 0 && !equalJson(annotations, rs.metadata.annotations);
    if (size === replicasOf(rs) && !stale) return rs;
    const next = {
      ...rs,
      metadata: { ...rs.metadata, annotations },
      spec: { ...rs.spec, replicas: size },
    };
    replaceAction(rollout.actions, next, replicasOf(rs));
    return next;
  };
  rollout.old = rollout.old.map(one);
  rollout.newSet = rollout.newSet && one(rollout.newSet);
}

/** One write a ReplicaSet: what is already planned for it is folded in. */
function replaceAction(actions: DeploymentAction[], replicaSet: ReplicaSet, from: number): void {
  const at = actions.findIndex(
    (a) => a.type === 'updateReplicaSet' && a.replicaSet.metadata.name === replicaSet.metadata.name,
  );
  const action: DeploymentAction = { type: 'updateReplicaSet', replicaSet, from };
  if (at >= 0) actions[at] = action;
  else actions.push(action);
}

/** Old ReplicaSets beyond the history limit that have nothing left go, lowest revision first. */
function planCleanup(rollout: Rollout): void {
  const limit = rollout.deployment.spec.revisionHistoryLimit;
  if (limit === undefined || limit === 2 ** 31 - 1) return;
  const alive = rollout.old.filter((rs) => !rs.metadata.deletionTimestamp);
  const surplus = alive.length - limit;
  if (surplus <= 0) return;
  alive.sort((a, b) => (revisionOf(a) < revisionOf(b) ? -1 : 1));
  for (const rs of alive.slice(0, surplus)) {
    const busy =
      (rs.status?.replicas ?? 0) !== 0 ||
      replicasOf(rs) !== 0 ||
      (rs.metadata.generation ?? 0) > (rs.status?.observedGeneration ?? 0);
    if (!busy) rollout.actions.push({ type: 'deleteReplicaSet', replicaSet: rs });
  }
}
