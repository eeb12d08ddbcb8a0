/** Words of the API that binder, provisioners and scheduler agree on, and small questions to claims, volumes and classes. */
import type {
  ObjectReference,
  PersistentVolume,
  PersistentVolumeClaim,
} from '#proto/schema/generated/core-v1.ts';
import type { StorageClass } from '#proto/schema/generated/storage-v1.ts';

/** On a claim: it has been bound once. From then on a volume that is missing is a loss. */
export const BIND_COMPLETED = 'pv.kubernetes.io/bind-completed';
/** On a claim or a volume: the binder chose the other, not the user. */
export const BOUND_BY_CONTROLLER = 'pv.kubernetes.io/bound-by-controller';
/** On a volume: who made it. */
export const PROVISIONED_BY = 'pv.kubernetes.io/provisioned-by';
/** On a claim: who is to make its volume. */
export const STORAGE_PROVISIONER = 'volume.kubernetes.io/storage-provisioner';
export const BETA_STORAGE_PROVISIONER = 'volume.beta.kubernetes.io/storage-provisioner';
/** On a claim: the scheduler's word to whoever provisions: make the volume where this node reaches it. */
export const SELECTED_NODE = 'volume.kubernetes.io/selected-node';
/** A provisioner that makes nothing. */
export const NO_PROVISIONER = 'kubernetes.io/no-provisioner';
/** Keeps a volume's object until what it stands for is gone. */
export const PROVISIONER_FINALIZER = 'external-provisioner.volume.kubernetes.io/finalizer';
export const DEFAULT_CLASS = 'storageclass.kubernetes.io/is-default-class';
export const BETA_DEFAULT_CLASS = 'storageclass.beta.kubernetes.io/is-default-class';
const BETA_CLASS = 'volume.beta.kubernetes.io/storage-class';

type Classed = PersistentVolume | PersistentVolumeClaim;

/** The class of a claim or a volume; the empty text is none. */
export const classOf = ({ metadata, spec }: Classed): string =>
  metadata.annotations?.[BETA_CLASS] ?? spec.storageClassName ?? '';

/** Does the claim say anything about its class? The empty name is a choice as well. */
export const choosesClass = ({ metadata, spec }: PersistentVolumeClaim): boolean =>
  metadata.annotations?.[BETA_CLASS] !== undefined || spec.storageClassName !== undefined;

export const waitsForConsumer = (storageClass: StorageClass | undefined): boolean =>
  storageClass?.volumeBindingMode === 'WaitForFirstConsumer';

export const modeOf = ({ spec }: Classed): string => spec.volumeMode ?? 'Filesystem';

export const claimKeyOf = ({ namespace, name }: ObjectReference): string =>
  `${namespace ?? ''}/${name ?? ''}`;

/** Is the volume meant for the claim: by its name and, where the volume says one, by its uid? */
export function isFor(
  { spec: { claimRef } }: PersistentVolume,
  { metadata }: PersistentVolumeClaim,
): boolean {
  if (claimRef?.name !== metadata.name || claimRef?.namespace !== metadata.namespace) return false;
  return !claimRef?.uid || claimRef.uid === metadata.uid;
}

export const hasModesOf = (volume: PersistentVolume, claim: PersistentVolumeClaim): boolean =>
  (claim.spec.accessModes ?? []).every((mode) => volume.spec.accessModes?.includes(mode));
