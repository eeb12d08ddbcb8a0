import type { Deployment, ReplicaSet } from '#proto/schema/generated/apps-v1.ts';
import { DESIRED_REPLICAS, MAX_REPLICAS } from '#server/controllers/deployment/revision.plan.ts';
import { resolveIntOrPercent } from '#server/controllers/int-or-percent.ts';
import { byCreation } from '#server/controllers/timestamps.ts';

/** New sizes, by the name of the ReplicaSet. Those that are not in it stay as they are. */
export type Sizes = ReadonlyMap<string, number>;

export const replicasOf = (object: Deployment | ReplicaSet): number => object.spec.replicas ?? 1;
/** Its status was written before its spec was: nobody knows what has become of the Pods that it counts. */
const isStale = ({ metadata, status }: ReplicaSet): boolean =>
  (metadata.generation ?? 0) > (status?.observedGeneration ?? 0);

/**
 * What can be counted on. Never more than asked for: a status that lags behind a smaller spec counts pods that are
 * about to go. Unlike upstream's, so that a rollout that is turned round takes no more away than one that is not.
 */
const availableOf = (rs: ReplicaSet): number =>
  isStale(rs) ? 0 : Math.min(rs.status?.availableReplicas ?? 0, replicasOf(rs));

/** Those that certainly serve nobody. */
const unhealthyOf = (rs: ReplicaSet): number => (isStale(rs) ? 0 : replicasOf(rs) - availableOf(rs));

/** Pods that are there or may come: those of a smaller spec have not gone before the status says so. */
const occupiedBy = (sets: readonly ReplicaSet[]): number =>
  sets.reduce((sum, rs) => sum + Math.max(replicasOf(rs), rs.status?.replicas ?? 0), 0);
const nameOf = (rs: ReplicaSet): string => rs.metadata.name ?? '';
export const totalReplicas = (sets: readonly ReplicaSet[]): number =>
  sets.reduce((sum, rs) => sum + replicasOf(rs), 0);

export const isRolling = (deployment: Deployment): boolean =>
  (deployment.spec.strategy?.type ?? 'RollingUpdate') === 'RollingUpdate';

/** Both at zero would never move: then one pod may be missing. Rule: upstream's `ResolveFenceposts`. */
export function resolveFenceposts(deployment: Deployment): { maxSurge: number; maxUnavailable: number } {
  if (!isRolling(deployment)) return { maxSurge: 0, maxUnavailable: 0 };
  const replicas = replicasOf(deployment);
  const { maxSurge = '25%', maxUnavailable = '25%' } = deployment.spec.strategy?.rollingUpdate ?? {};
  const surge = resolveIntOrPercent(maxSurge, replicas, 'up');
  const unavailable = resolveIntOrPercent(maxUnavailable, replicas, 'down');
  if (surge === 0 && unavailable === 0) return { maxSurge: 0, maxUnavailable: 1 };
  return { maxSurge: surge, maxUnavailable: Math.min(unavailable, replicas) };
}

/** How large the new ReplicaSet may be now. */
export function newReplicaSetSize(
  deployment: Deployment,
  all: readonly ReplicaSet[],
  newSize: number,
): number {
  const wanted = replicasOf(deployment);
  if (!isRolling(deployment)) return wanted;
  const room = wanted + resolveFenceposts(deployment).maxSurge - occupiedBy(all);
  return room <= 0 ? newSize : newSize + Math.min(room, wanted - newSize);
}

/**
 * One step of a rolling update: first the new ReplicaSet grows as far as maxSurge lets it, once it is known how many
 * pods the old ones have; when it can't, the old ones shrink as far as maxUnavailable lets them, unhealthy pods first.
 */
export function planRollingStep(
  deployment: Deployment,
  newSet: ReplicaSet,
  old: readonly ReplicaSet[],
): Sizes {
  const wanted = replicasOf(deployment);
  const all = [...old, newSet];
  const size = replicasOf(newSet);
  const grown = old.some(isStale) ? size : newReplicaSetSize(deployment, all, size);
  const next = size > wanted ? wanted : size < wanted ? grown : size;
  if (next !== size) return new Map([[nameOf(newSet), next]]);
  return planScaleDownOld(deployment, newSet, old);
}

function planScaleDownOld(deployment: Deployment, newSet: ReplicaSet, old: readonly ReplicaSet[]): Sizes {
  const sizes = new Map<string, number>();
  const all = [...old, newSet];
  if (totalReplicas(old) === 0) return sizes;
  const minAvailable = replicasOf(deployment) - resolveFenceposts(deployment).maxUnavailable;
  const newUnavailable = replicasOf(newSet) - availableOf(newSet);
  const maxCleanup = totalReplicas(all) - minAvailable - newUnavailable;
  if (maxCleanup <= 0) return sizes;

  // Pods that do not serve anyway hold nobody up.
  const sorted = [...old].sort(byCreation);
  let cleaned = 0;
  for (const rs of sorted) {
    const down = Math.min(maxCleanup - cleaned, unhealthyOf(rs));
    if (down <= 0) continue;
    cleaned += down;
    sizes.set(nameOf(rs), replicasOf(rs) - down);
  }

  const available = all.reduce((sum, rs) => sum + availableOf(rs), 0);
  let left = available - minAvailable;
  for (const rs of sorted) {
    const size = sizes.get(nameOf(rs)) ?? replicasOf(rs);
    const down = Math.min(size, left);
    if (down <= 0) continue;
    left -= down;
    sizes.set(nameOf(rs), size - down);
  }
  return sizes;
}

/** Does the Deployment ask for another number than its active ReplicaSets were made for? */
export const isScalingEvent = (deployment: Deployment, all: readonly ReplicaSet[]): boolean =>
  all.some((rs) => {
    const desired = rs.metadata.annotations?.[DESIRED_REPLICAS];
    return replicasOf(rs) > 0 && desired !== undefined && Number(desired) !== replicasOf(deployment);
  });

/**
 * A change of `spec.replicas`. With one ReplicaSet it gets them all; in the middle of a rollout each gets its
 * share, so that the mixture stays and risk does not grow. Rule: upstream's `scale` in `sync.go`.
 */
export function planScaling(
  deployment: Deployment,
  newSet: ReplicaSet | undefined,
  old: readonly ReplicaSet[],
): Sizes {
  const wanted = replicasOf(deployment);
  const all = newSet ? [...old, newSet] : [...old];
  const active = all.filter((rs) => replicasOf(rs) > 0);
  const only = active.length === 1 ? active[0] : active.length === 0 ? (newSet ?? newest(old)) : undefined;
  if (only) return new Map(replicasOf(only) === wanted ? [] : [[nameOf(only), wanted]]);
  if (active.length === 0) return new Map();
  if (newSet && isSaturated(deployment, newSet)) {
    return new Map(old.filter((rs) => replicasOf(rs) > 0).map((rs) => [nameOf(rs), 0]));
  }
  return isRolling(deployment) ? planProportions(deployment, active) : new Map();
}

const newest = (sets: readonly ReplicaSet[]): ReplicaSet | undefined => [...sets].sort(byCreation).at(-1);

const isSaturated = (deployment: Deployment, newSet: ReplicaSet): boolean =>
  Number(newSet.metadata.annotations?.[DESIRED_REPLICAS]) === replicasOf(deployment) &&
  replicasOf(newSet) === replicasOf(deployment) &&
  availableOf(newSet) === replicasOf(deployment);

function planProportions(deployment: Deployment, active: readonly ReplicaSet[]): Sizes {
  const wanted = replicasOf(deployment);
  const allowed = wanted > 0 ? wanted + resolveFenceposts(deployment).maxSurge : 0;
  const toAdd = allowed - totalReplicas(active);
  // Growth favours the newer of two equals, shrinking takes from the older.
  const sorted = [...active].sort(
    (a, b) => replicasOf(b) - replicasOf(a) || (toAdd > 0 ? byCreation(b, a) : byCreation(a, b)),
  );
  const sizes = new Map<string, number>();
  let added = 0;
  for (const rs of sorted) {
    const share = toAdd === 0 ? 0 : shareOf(rs, deployment, toAdd, added);
    sizes.set(nameOf(rs), replicasOf(rs) + share);
    added += share;
  }
  const largest = sorted[0];
  if (largest && toAdd !== 0) {
    const size = (sizes.get(nameOf(largest)) ?? 0) + toAdd - added;
    sizes.set(nameOf(largest), Math.max(0, size));
  }
  return sizes;
}

function shareOf(rs: ReplicaSet, deployment: Deployment, toAdd: number, added: number): number {
  const size = replicasOf(rs);
  if (size === 0 || toAdd === added) return 0;
  const wanted = replicasOf(deployment);
  const left = toAdd - added;
  const before =
    Number(rs.metadata.annotations?.[MAX_REPLICAS]) || (deployment.status?.replicas ?? 0) || size;
  const max = wanted + resolveFenceposts(deployment).maxSurge;
  const share = wanted === 0 ? -size : Math.round((size * max) / before) - size;
  return toAdd > 0 ? Math.min(share, left) : Math.max(share, left);
}
