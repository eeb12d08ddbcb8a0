import { statefulsets } from '#proto/api/apps/statefulsets.ts';
import { pods } from '#proto/api/core/pods.ts';
import type { StatefulSet } from '#proto/schema/generated/apps-v1.ts';
import type { PersistentVolumeClaim, Pod } from '#proto/schema/generated/core-v1.ts';
import type { OwnerReference } from '#proto/schema/generated/meta-v1.ts';
import { equalJson } from '#server/controllers/json.ts';
import { controllerReference } from '#server/controllers/ownership.ts';

type Policy = 'Retain' | 'Delete';

function policyOf(set: StatefulSet): { whenDeleted: Policy; whenScaled: Policy } {
  const { whenDeleted, whenScaled } = set.spec.persistentVolumeClaimRetentionPolicy ?? {};
  return {
    whenDeleted: whenDeleted === 'Delete' ? 'Delete' : 'Retain',
    whenScaled: whenScaled === 'Delete' ? 'Delete' : 'Retain',
  };
}

/**
 * A claim goes with whoever owns it: with the set, where `whenDeleted` says so, and with its Pod once that is
 * scaled away, where `whenScaled` says so. Undefined: it has the right owners, or somebody else manages it.
 */
export function planClaimOwners(
  set: StatefulSet,
  claim: PersistentVolumeClaim,
  pod: Pod,
  scaledDown: boolean,
): OwnerReference[] | undefined {
  const { whenDeleted, whenScaled } = policyOf(set);
  const current = claim.metadata.ownerReferences ?? [];
  const foreign = current.filter((owner) => owner.uid !== set.metadata.uid && !isPod(owner, pod));
  if (foreign.some((owner) => owner.controller)) return undefined;
  const wanted = [...foreign];
  if (scaledDown && whenScaled === 'Delete') wanted.push(controllerReference(pod, pods));
  else if (whenDeleted === 'Delete') wanted.push(controllerReference(set, statefulsets));
  return equalJson(wanted, current) ? undefined : wanted;
}

/** This Pod, or one of its name that was before it. */
const isPod = (owner: OwnerReference, pod: Pod): boolean =>
  owner.kind === 'Pod' && owner.name === pod.metadata.name;

/** It goes with a Pod of the past: `pod`, which is still to be made, must not begin with it. */
export const isStale = (set: StatefulSet, claim: PersistentVolumeClaim, pod: Pod): boolean =>
  claim.metadata.deletionTimestamp !== undefined ||
  (policyOf(set).whenScaled === 'Delete' &&
    (claim.metadata.ownerReferences ?? []).some((owner) => isPod(owner, pod)));
