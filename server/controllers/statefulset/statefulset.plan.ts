/**
 * Keeps one Pod for each ordinal. `OrderedReady` takes one step at a time: Pods come from the lowest ordinal
 * up, each after the one before it is available; they go from the highest down. `Parallel` waits for nobody.
 * An update replaces Pods from the highest ordinal down to the partition, at most `maxUnavailable` at once.
 * Rule: upstream's `stateful_set_control.go`. So too: an ordered set whose update went bad stays where it
 * is, even after an undo, until somebody deletes the Pod that is stuck.
 */
import type { ControllerRevision, StatefulSet, StatefulSetStatus } from '#proto/schema/generated/apps-v1.ts';
import type { PersistentVolumeClaim, Pod } from '#proto/schema/generated/core-v1.ts';
import type { OwnerReference } from '#proto/schema/generated/meta-v1.ts';
import { templateOf } from '#server/controllers/history/history.plan.ts';
import { resolveIntOrPercent } from '#server/controllers/int-or-percent.ts';
import { isPodTerminal } from '#server/controllers/pod-state.ts';
import { isStale, planClaimOwners } from '#server/controllers/statefulset/claim-retention.plan.ts';
import {
  claimsOf,
  isInRange,
  missingLabels,
  ordinalOf,
  podOf,
  replicasOf,
  revisionNameOf,
  startOrdinal,
} from '#server/controllers/statefulset/identity.plan.ts';
import {
  isRunningAndAvailable,
  isTerminating,
  planStatus,
} from '#server/controllers/statefulset/status.plan.ts';

export type StatefulSetAction =
  /** The claims that are missing come first. */
  | { readonly type: 'createPod'; readonly pod: Pod; readonly claims: readonly PersistentVolumeClaim[] }
  | { readonly type: 'createClaims'; readonly pod: Pod; readonly claims: readonly PersistentVolumeClaim[] }
  | { readonly type: 'deletePod'; readonly pod: Pod }
  | { readonly type: 'labelPod'; readonly pod: Pod; readonly labels: Readonly<Record<string, string>> }
  | {
      readonly type: 'ownClaim';
      readonly claim: PersistentVolumeClaim;
      readonly ownerReferences: readonly OwnerReference[];
    };

export interface StatefulSetInput {
  readonly set: StatefulSet;
  readonly current: ControllerRevision;
  readonly update: ControllerRevision;
  readonly collisionCount: number | undefined;
  /** All that the set manages. */
  readonly pods: readonly Pod[];
  readonly claimNamed: (name: string) => PersistentVolumeClaim | undefined;
  readonly now: number;
}

export interface StatefulSetPlan {
  readonly actions: readonly StatefulSetAction[];
  readonly status: StatefulSetStatus;
  readonly requeueAfterMs: number | undefined;
}

/** One ordinal that should have a Pod. */
interface Slot {
  readonly ordinal: number;
  readonly pod: Pod | undefined;
}

/** What one ordinal needs; `waits`: an ordered set goes no further in this round. */
interface Step {
  readonly actions: readonly StatefulSetAction[];
  readonly waits: boolean;
}

/** For a set that is not being deleted. */
export function planStatefulSet(input: StatefulSetInput): StatefulSetPlan {
  const { set, current, update, collisionCount, pods, now } = input;
  const names = { current: current.metadata.name ?? '', update: update.metadata.name ?? '' };
  const { status, requeueAfterMs } = planStatus({ set, pods, ...names, collisionCount, now });
  const ordered = isOrdered(set);
  const actions: StatefulSetAction[] = [];
  for (const next of phases(input)) {
    const { actions: more, waits } = next();
    actions.push(...more);
    if (waits && ordered) break;
  }
  return { actions, status, requeueAfterMs };
}

export const isOrdered = (set: StatefulSet): boolean => set.spec.podManagementPolicy !== 'Parallel';

/** In order: every ordinal from the lowest, every surplus Pod from the highest, the update. */
function* phases(input: StatefulSetInput): Generator<() => Step> {
  const { slots, condemned } = sortPods(input);
  for (const slot of slots) yield () => planSlot(input, slot);
  for (const { pod, ordinal } of condemned)
    yield () => ({ actions: planOwners(input, ordinal, pod, true), waits: false });
  const ordered = isOrdered(input.set);
  const available = (pod: Pod | undefined): boolean => isAvailable(input, pod);
  const firstUnavailable =
    slots.find(({ pod }) => !available(pod)) ?? condemned.findLast(({ pod }) => !available(pod));
  for (const one of condemned)
    yield () => planCondemned(one.pod, !ordered || available(one.pod) || one === firstUnavailable);
  yield () => ({ actions: planUpdate(input, slots), waits: false });
}

function sortPods({ set, pods }: StatefulSetInput): {
  slots: Slot[];
  condemned: (Slot & { pod: Pod })[];
} {
  const byOrdinal = new Map<number, Pod>();
  for (const pod of pods) {
    const ordinal = ordinalOf(set, pod);
    if (ordinal !== undefined) byOrdinal.set(ordinal, pod);
  }
  const start = startOrdinal(set);
  const slots = Array.from({ length: replicasOf(set) }, (_, index) => ({
    ordinal: start + index,
    pod: byOrdinal.get(start + index),
  }));
  const condemned = [...byOrdinal]
    .filter(([ordinal]) => !isInRange(set, ordinal))
    .map(([ordinal, pod]) => ({ ordinal, pod }))
    .sort((a, b) => b.ordinal - a.ordinal);
  return { slots, condemned };
}

const isAvailable = ({ set, now }: StatefulSetInput, pod: Pod | undefined): boolean =>
  pod !== undefined && !isTerminating(pod) && isRunningAndAvailable(pod, set.spec.minReadySeconds ?? 0, now);

function planSlot(input: StatefulSetInput, { ordinal, pod }: Slot): Step {
  if (!pod) return planMissing(input, ordinal);
  // A Pod that has ended makes room for its successor, whatever its exit code was.
  if (isPodTerminal(pod))
    return { actions: isTerminating(pod) ? [] : [{ type: 'deletePod', pod }], waits: true };
  const actions: StatefulSetAction[] = [];
  if ((pod.status?.phase ?? 'Pending') === 'Pending') {
    const claims = missingClaims(input, ordinal, pod);
    if (claims.length > 0) actions.push({ type: 'createClaims', pod, claims });
  }
  if (!isAvailable(input, pod)) return { actions, waits: true };
  const labels = missingLabels(pod, ordinal);
  if (labels) actions.push({ type: 'labelPod', pod, labels });
  actions.push(...planOwners(input, ordinal, pod, false));
  return { actions, waits: false };
}

function planMissing(input: StatefulSetInput, ordinal: number): Step {
  const { set, claimNamed } = input;
  const revision = revisionFor(input, ordinal);
  const pod = podOf(set, templateOf(revision), revision.metadata.name ?? '', ordinal);
  const stale = claimsOf(set, ordinal).some(({ metadata }) => {
    const there = claimNamed(metadata.name ?? '');
    return there !== undefined && isStale(set, there, pod);
  });
  if (stale) return { actions: [], waits: true };
  const claims = missingClaims(input, ordinal, pod);
  return { actions: [{ type: 'createPod', pod, claims }], waits: true };
}

/** Below the partition the old revision stays, also for a Pod that has to be made again. */
function revisionFor({ set, current, update, pods }: StatefulSetInput, ordinal: number): ControllerRevision {
  const { type, rollingUpdate } = set.spec.updateStrategy ?? {};
  if (type === 'OnDelete') return update;
  const settled = (pod: Pod): boolean => !isTerminating(pod) && revisionNameOf(pod) === current.metadata.name;
  const old = rollingUpdate ? (rollingUpdate.partition ?? 0) : pods.filter(settled).length;
  return ordinal < startOrdinal(set) + old ? current : update;
}

function missingClaims(
  { set, claimNamed }: StatefulSetInput,
  ordinal: number,
  pod: Pod,
): PersistentVolumeClaim[] {
  return claimsOf(set, ordinal)
    .filter(({ metadata }) => claimNamed(metadata.name ?? '') === undefined)
    .map((claim) => {
      const ownerReferences = planClaimOwners(set, claim, pod, false);
      return ownerReferences ? { ...claim, metadata: { ...claim.metadata, ownerReferences } } : claim;
    });
}

function planOwners(
  { set, claimNamed }: StatefulSetInput,
  ordinal: number,
  pod: Pod,
  scaledDown: boolean,
): StatefulSetAction[] {
  return claimsOf(set, ordinal).flatMap(({ metadata }): StatefulSetAction[] => {
    const claim = claimNamed(metadata.name ?? '');
    const ownerReferences = claim && planClaimOwners(set, claim, pod, scaledDown);
    return claim && ownerReferences ? [{ type: 'ownClaim', claim, ownerReferences }] : [];
  });
}

/** In order, a surplus Pod that is not available may only go where it is the first that is broken. */
const planCondemned = (pod: Pod, mayGo: boolean): Step => ({
  actions: mayGo && !isTerminating(pod) ? [{ type: 'deletePod', pod }] : [],
  waits: true,
});

/** From the highest ordinal down; a Pod that is not available already costs nothing more when it is replaced. */
function planUpdate(input: StatefulSetInput, slots: readonly Slot[]): StatefulSetAction[] {
  const { set, update } = input;
  const { type, rollingUpdate } = set.spec.updateStrategy ?? {};
  if (type === 'OnDelete') return [];
  const most = Math.max(1, resolveIntOrPercent(rollingUpdate?.maxUnavailable ?? 1, slots.length, 'down'));
  let left = most - slots.filter(({ pod }) => !isAvailable(input, pod)).length;
  const actions: StatefulSetAction[] = [];
  for (const { pod } of slots.slice(rollingUpdate?.partition ?? 0).reverse()) {
    if (!pod || isTerminating(pod) || isPodTerminal(pod)) continue;
    if (revisionNameOf(pod) === update.metadata.name) continue;
    if (isAvailable(input, pod)) {
      if (left <= 0) break;
      left -= 1;
    }
    actions.push({ type: 'deletePod', pod });
  }
  return actions;
}
