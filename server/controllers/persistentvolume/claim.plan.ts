/**
 * What becomes of a claim. Rule: upstream's `pv_controller.go`, syncUnboundClaim and syncBoundClaim.
 *
 *   Pending ──a volume fits──> Bound ──its volume is gone, or another's──> Lost
 *      └─ class waits for a Pod: nothing; class has a provisioner: it is told; else: an event
 */
import type { PersistentVolume, PersistentVolumeClaim } from '#proto/schema/generated/core-v1.ts';
import type { StorageClass } from '#proto/schema/generated/storage-v1.ts';
import type { EventWords } from '#server/client/event-words.ts';
import { findVolume, whyNotSatisfied } from './match.plan.ts';
import * as words from './persistentvolume.events.ts';
import {
  BIND_COMPLETED,
  choosesClass,
  classOf,
  isFor,
  SELECTED_NODE,
  STORAGE_PROVISIONER,
  waitsForConsumer,
} from './storage-facts.ts';

export interface ClaimView {
  volume(name: string): PersistentVolume | undefined;
  volumes(): Iterable<PersistentVolume>;
  storageClass(name: string): StorageClass | undefined;
  /** The name of the class for claims that choose none. */
  defaultClass(): string | undefined;
  /** Names of Pods that use the claim, have not ended, and have no node. */
  waitingPods(claim: PersistentVolumeClaim): readonly string[];
}

export type ClaimStep =
  /** Volume and claim become, or stay, each other's. */
  | { readonly type: 'bind'; readonly volume: PersistentVolume }
  | { readonly type: 'pending' }
  | { readonly type: 'lost'; readonly words: EventWords }
  | { readonly type: 'event'; readonly words: EventWords }
  | { readonly type: 'assignClass'; readonly name: string }
  | { readonly type: 'tellProvisioner'; readonly name: string };

const event = (one: EventWords): ClaimStep => ({ type: 'event', words: one });
const PENDING: ClaimStep = { type: 'pending' };

export function planClaim(claim: PersistentVolumeClaim, view: ClaimView): readonly ClaimStep[] {
  if (claim.metadata.annotations?.[BIND_COMPLETED] !== undefined) return [planBound(claim, view)];
  const { volumeName } = claim.spec;
  return volumeName ? planRequested(claim, volumeName, view) : planUnbound(claim, view);
}

function planBound(claim: PersistentVolumeClaim, view: ClaimView): ClaimStep {
  const { volumeName } = claim.spec;
  if (!volumeName) return { type: 'lost', words: words.lostReference };
  const volume = view.volume(volumeName);
  if (!volume) return { type: 'lost', words: words.lostVolume };
  const { claimRef } = volume.spec;
  if (!claimRef || claimRef.uid === claim.metadata.uid) return { type: 'bind', volume };
  return { type: 'lost', words: words.misbound };
}

/** The user asks for this very volume. */
function planRequested(claim: PersistentVolumeClaim, name: string, view: ClaimView): readonly ClaimStep[] {
  const volume = view.volume(name);
  if (!volume) return [PENDING];
  if (isFor(volume, claim)) return [{ type: 'bind', volume }];
  if (volume.spec.claimRef) return [event(words.takenByAnother(name)), PENDING];
  const why = whyNotSatisfied(volume, claim);
  return why === undefined
    ? [{ type: 'bind', volume }]
    : [event(words.requestedMismatch(name, why)), PENDING];
}

function planUnbound(claim: PersistentVolumeClaim, view: ClaimView): readonly ClaimStep[] {
  const className = classOf(claim);
  const storageClass = className ? view.storageClass(className) : undefined;
  const delayed = waitsForConsumer(storageClass);
  const volume = findVolume(claim, view.volumes(), { delayed });
  if (volume) return [{ type: 'bind', volume }];
  const byDefault = choosesClass(claim) ? undefined : view.defaultClass();
  if (byDefault) return [{ type: 'assignClass', name: byDefault }];
  const selected = claim.metadata.annotations?.[SELECTED_NODE] !== undefined;
  if (delayed && !selected) return [event(words.waitingForConsumer(view.waitingPods(claim))), PENDING];
  if (className === '') return [event(words.noVolumeNoClass), PENDING];
  return [...planProvisioning(claim, className, storageClass), PENDING];
}

function planProvisioning(
  claim: PersistentVolumeClaim,
  className: string,
  storageClass: StorageClass | undefined,
): readonly ClaimStep[] {
  if (!storageClass) {
    const message = `storageclass.storage.k8s.io ${JSON.stringify(className)} not found`;
    return [event(words.provisioningFailed(message))];
  }
  const { provisioner } = storageClass;
  // Such provisioners are part of the cluster upstream; here there are none.
  if (provisioner.startsWith('kubernetes.io/'))
    return [event(words.provisioningFailed('no volume plugin matched'))];
  const told: ClaimStep[] =
    claim.metadata.annotations?.[STORAGE_PROVISIONER] === provisioner
      ? []
      : [{ type: 'tellProvisioner', name: provisioner }];
  return [...told, event(words.externalProvisioning(provisioner))];
}
