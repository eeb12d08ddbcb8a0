/** Which volume a claim gets. Rule: upstream's `component-helpers/storage/volume`, used by its binder and its scheduler alike. */
import { compareQuantities, quantityValue } from '#proto/meta/quantity.ts';
import type { PersistentVolume, PersistentVolumeClaim } from '#proto/schema/generated/core-v1.ts';
import { matchesSelector } from '#server/controllers/label-selector.ts';
import { classOf, hasModesOf, isFor, modeOf } from './storage-facts.ts';

export interface MatchOptions {
  /** The claim waits for its Pod: only a volume that names it will do. */
  readonly delayed?: boolean;
  /** Is the volume within reach of the node that is looked at? */
  readonly reachable?: (volume: PersistentVolume) => boolean;
  /** Names of volumes that other claims of the same Pod have. */
  readonly taken?: ReadonlySet<string>;
}

const sizeOf = ({ spec }: PersistentVolume): string => spec.capacity?.['storage'] ?? '0';
const wantedBy = ({ spec }: PersistentVolumeClaim): string => spec.resources?.requests?.['storage'] ?? '0';

/**
 * The volume that names the claim; else of those that are free and large enough one with the fewest access modes that has
 * all that are asked for, and of these the smallest. Undefined where there is none.
 */
export function findVolume(
  claim: PersistentVolumeClaim,
  volumes: Iterable<PersistentVolume>,
  { delayed = false, reachable, taken }: MatchOptions = {},
): PersistentVolume | undefined {
  let best: PersistentVolume | undefined;
  for (const volume of volumes) {
    if (taken?.has(volume.metadata.name ?? '') || volume.metadata.deletionTimestamp) continue;
    const mine = isFor(volume, claim);
    if (volume.spec.claimRef && !mine) continue;
    if (compareQuantities(sizeOf(volume), wantedBy(claim)) < 0) continue;
    if (modeOf(volume) !== modeOf(claim) || !hasModesOf(volume, claim)) continue;
    if ((volume.spec.volumeAttributesClassName ?? '') !== (claim.spec.volumeAttributesClassName ?? ''))
      continue;
    if (mine) return !reachable || reachable(volume) ? volume : undefined;
    if (delayed || !isFree(volume, claim)) continue;
    if (reachable && !reachable(volume)) continue;
    if (!best || isBetter(volume, best)) best = volume;
  }
  return best;
}

function isFree(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  if (volume.status?.phase !== 'Available' || classOf(volume) !== classOf(claim)) return false;
  return !claim.spec.selector || matchesSelector(claim.spec.selector, volume.metadata.labels);
}

const modesOf = ({ spec }: PersistentVolume): number => spec.accessModes?.length ?? 0;

function isBetter(volume: PersistentVolume, best: PersistentVolume): boolean {
  const fewer = modesOf(volume) - modesOf(best);
  return fewer !== 0 ? fewer < 0 : compareQuantities(sizeOf(volume), sizeOf(best)) < 0;
}

/** Why a claim that asks for this very volume can't have it; undefined where it can. */
export function whyNotSatisfied(volume: PersistentVolume, claim: PersistentVolumeClaim): string | undefined {
  if (volume.metadata.deletionTimestamp)
    return `the volume is marked for deletion ${JSON.stringify(volume.metadata.name)}`;
  if (quantityValue(sizeOf(volume)) < quantityValue(wantedBy(claim))) return 'requested PV is too small';
  if (classOf(volume) !== classOf(claim)) return 'storageClassName does not match';
  if ((volume.spec.volumeAttributesClassName ?? '') !== (claim.spec.volumeAttributesClassName ?? ''))
    return 'volumeAttributesClassName does not match';
  if (modeOf(volume) !== modeOf(claim)) return 'incompatible volumeMode';
  if (!hasModesOf(volume, claim)) return 'incompatible accessMode';
  return undefined;
}
