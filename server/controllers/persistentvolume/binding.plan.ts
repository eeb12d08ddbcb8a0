/**
 * Claim and volume as they are once bound, or apart again. Each gives the object as it is to be written, or undefined where it
 * is so already. Order of the writes: volume, its phase, claim, its phase; each can be the last before a power cut.
 */
import { compareQuantities } from '#proto/meta/quantity.ts';
import type {
  ObjectReference,
  PersistentVolume,
  PersistentVolumeClaim,
} from '#proto/schema/generated/core-v1.ts';
import { equalJson } from '#server/controllers/json.ts';
import { BIND_COMPLETED, BOUND_BY_CONTROLLER, isFor } from './storage-facts.ts';

/** How a volume names its claim. */
export function claimReference({ metadata }: PersistentVolumeClaim): ObjectReference {
  const { namespace, name, uid, resourceVersion } = metadata;
  return { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace, name, uid, resourceVersion };
}

export function boundVolume(
  volume: PersistentVolume,
  claim: PersistentVolumeClaim,
): PersistentVolume | undefined {
  const { claimRef } = volume.spec;
  if (isFor(volume, claim) && claimRef?.uid === claim.metadata.uid) return undefined;
  const { metadata } = volume;
  // What the user wrote stays the user's: unbound again, such a volume still names the claim.
  const annotations = isFor(volume, claim)
    ? metadata.annotations
    : { ...metadata.annotations, [BOUND_BY_CONTROLLER]: 'yes' };
  return {
    ...volume,
    metadata: { ...metadata, annotations },
    spec: { ...volume.spec, claimRef: claimReference(claim) },
  };
}

export function boundClaim(
  claim: PersistentVolumeClaim,
  volume: PersistentVolume,
): PersistentVolumeClaim | undefined {
  const { name = '' } = volume.metadata;
  const old = claim.metadata.annotations ?? {};
  const chosen = claim.spec.volumeName !== name;
  if (!chosen && old[BIND_COMPLETED] !== undefined) return undefined;
  const annotations = {
    ...old,
    ...(chosen ? { [BOUND_BY_CONTROLLER]: 'yes' } : {}),
    [BIND_COMPLETED]: 'yes',
  };
  return {
    ...claim,
    metadata: { ...claim.metadata, annotations },
    spec: { ...claim.spec, volumeName: name },
  };
}

/** The volume without its claim; one that a user has written for a claim keeps the claim's name. */
export function unboundVolume(volume: PersistentVolume): PersistentVolume | undefined {
  const { claimRef, ...spec } = volume.spec;
  if (!claimRef) return undefined;
  const { [BOUND_BY_CONTROLLER]: ours, ...annotations } = volume.metadata.annotations ?? {};
  if (ours === undefined) {
    if (!claimRef.uid) return undefined;
    const { uid: _uid, ...named } = claimRef;
    return { ...volume, spec: { ...spec, claimRef: named } };
  }
  const metadata = { ...volume.metadata, annotations };
  return { ...volume, metadata, spec };
}

export function volumeInPhase(
  volume: PersistentVolume,
  phase: string,
  message?: string,
): PersistentVolume | undefined {
  if (volume.status?.phase === phase) return undefined;
  const { message: _old, ...status } = volume.status ?? {};
  return { ...volume, status: { ...status, phase, ...(message ? { message } : {}) } };
}

/** `volume`: the one that it is bound to; without one nothing is told of sizes and modes. */
export function claimInPhase(
  claim: PersistentVolumeClaim,
  phase: string,
  volume?: PersistentVolume,
): PersistentVolumeClaim | undefined {
  const { accessModes, capacity, currentVolumeAttributesClassName, ...rest } = claim.status ?? {};
  const next = volume
    ? {
        ...rest,
        phase,
        accessModes: volume.spec.accessModes,
        ...boundStatus(claim, phase, volume, { capacity, currentVolumeAttributesClassName }),
      }
    : { ...rest, phase };
  return equalJson(next, claim.status ?? {}) ? undefined : { ...claim, status: next };
}

type Told = Pick<
  NonNullable<PersistentVolumeClaim['status']>,
  'capacity' | 'currentVolumeAttributesClassName'
>;

/** Size and attributes are told when the claim becomes bound; later they are the business of who resizes. */
function boundStatus(
  claim: PersistentVolumeClaim,
  phase: string,
  volume: PersistentVolume,
  told: Told,
): Told {
  if (claim.status?.phase === phase) return told;
  const size = volume.spec.capacity?.['storage'];
  const same = told.capacity?.['storage'] && size && compareQuantities(told.capacity['storage'], size) === 0;
  const { volumeAttributesClassName } = volume.spec;
  const name =
    claim.status?.phase === 'Pending' ? volumeAttributesClassName : told.currentVolumeAttributesClassName;
  return {
    capacity: same ? told.capacity : volume.spec.capacity,
    ...(name === undefined ? {} : { currentVolumeAttributesClassName: name }),
  };
}
