/**
 * What becomes of a volume. Rule: upstream's `pv_controller.go`, syncVolume and reclaimVolume.
 *
 *   Available ──a claim──> Bound ──the claim is gone──> Released ──Delete: its maker removes it
 *                                                          └──nobody can: Failed
 */
import type { PersistentVolume, PersistentVolumeClaim } from '#proto/schema/generated/core-v1.ts';
import type { EventWords } from '#server/client/event-words.ts';
import * as words from './persistentvolume.events.ts';
import { modeOf, PROVISIONED_BY } from './storage-facts.ts';

export type VolumeStep =
  | { readonly type: 'phase'; readonly phase: string }
  /** The words are told once: when the phase changes. */
  | { readonly type: 'failed'; readonly words: EventWords }
  | { readonly type: 'unbind' }
  /** The claim is to be looked at: it finds this volume. */
  | { readonly type: 'lookAtClaim' }
  | { readonly type: 'event'; readonly words: EventWords }
  | { readonly type: 'claimEvent'; readonly words: EventWords };

/** `claim`: the one that the volume names, where it exists with that very uid. */
export function planVolume(
  volume: PersistentVolume,
  claim: PersistentVolumeClaim | undefined,
): readonly VolumeStep[] {
  const { claimRef } = volume.spec;
  // One that is kept for a claim by name is taken up by that claim.
  if (!claimRef?.uid) return [{ type: 'phase', phase: 'Available' }];
  if (!claim) return planReclaim(volume);
  const { volumeName } = claim.spec;
  if (volumeName === volume.metadata.name) return [{ type: 'phase', phase: 'Bound' }];
  if (!volumeName) {
    if (modeOf(claim) === modeOf(volume)) return [{ type: 'lookAtClaim' }];
    return [
      { type: 'event', words: words.volumeModeMismatch(claim.metadata.name ?? '') },
      { type: 'claimEvent', words: words.claimModeMismatch(volume.metadata.name ?? '') },
    ];
  }
  const made = volume.metadata.annotations?.[PROVISIONED_BY] !== undefined;
  const isSpare = made && volume.spec.persistentVolumeReclaimPolicy === 'Delete';
  return isSpare ? planReclaim(volume) : [{ type: 'unbind' }];
}

function planReclaim(volume: PersistentVolume): readonly VolumeStep[] {
  const { phase } = volume.status ?? {};
  const released: VolumeStep[] =
    phase === 'Released' || phase === 'Failed' ? [] : [{ type: 'phase', phase: 'Released' }];
  const failed = whyNotReclaimed(volume);
  return failed ? [...released, { type: 'failed', words: failed }] : released;
}

/** Nothing is deleted or emptied here: who made a volume removes it. What nobody made, nobody can remove. */
function whyNotReclaimed({ metadata, spec }: PersistentVolume): EventWords | undefined {
  switch (spec.persistentVolumeReclaimPolicy) {
    case 'Retain':
      return undefined;
    case 'Recycle':
      return words.noRecycler;
    case 'Delete': {
      const maker = metadata.annotations?.[PROVISIONED_BY] ?? '';
      if (spec.csi || (maker !== '' && !maker.startsWith('kubernetes.io/'))) return undefined;
      const name = JSON.stringify(metadata.name);
      return words.noDeleter(
        maker
          ? 'no deletable volume plugin matched'
          : `error getting deleter volume plugin for volume ${name}: no deletable volume plugin matched`,
      );
    }
    default:
      return words.unknownPolicy;
  }
}
