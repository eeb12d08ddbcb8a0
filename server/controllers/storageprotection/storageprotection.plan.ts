/** Who still needs a claim or a class. Rule: upstream's `pvc_protection_controller.go` and its siblings. */
import type { KubeObject } from '#proto/meta/object.ts';
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '#proto/schema/generated/core-v1.ts';

/** What the finalizer of an object needs now: it goes when nobody uses what is to be deleted, and is there until then. */
export function planFinalizer(object: KubeObject, finalizer: string): 'add' | 'remove-if-unused' | undefined {
  const has = object.metadata.finalizers?.includes(finalizer) ?? false;
  if (object.metadata.deletionTimestamp) return has ? 'remove-if-unused' : undefined;
  return has ? undefined : 'add';
}

/** The claims that a Pod mounts, by name, those made for it among them. */
export const claimsOf = ({ metadata, spec }: Pod): string[] =>
  (spec.volumes ?? []).flatMap(({ name, persistentVolumeClaim, ephemeral }) => {
    if (persistentVolumeClaim) return [persistentVolumeClaim.claimName];
    return ephemeral ? [`${metadata.name}-${name}`] : [];
  });

/** A Pod that has a node uses its claims until it is gone; one that was shut down needs those of its own no more. */
export function usesClaim(pod: Pod, claim: PersistentVolumeClaim): boolean {
  const { metadata, spec } = pod;
  if (!spec.nodeName || metadata.namespace !== claim.metadata.namespace) return false;
  const isShutDown = metadata.deletionTimestamp !== undefined && metadata.deletionGracePeriodSeconds === 0;
  return (spec.volumes ?? []).some(({ name, persistentVolumeClaim, ephemeral }) => {
    if (persistentVolumeClaim) return persistentVolumeClaim.claimName === claim.metadata.name;
    return (
      ephemeral !== undefined &&
      !isShutDown &&
      `${metadata.name}-${name}` === claim.metadata.name &&
      claim.metadata.ownerReferences?.some(({ controller, uid }) => controller && uid === metadata.uid) ===
        true
    );
  });
}

export const attributesClassesOf = ({ spec, status }: PersistentVolumeClaim): string[] =>
  [
    spec.volumeAttributesClassName,
    status?.currentVolumeAttributesClassName,
    status?.modifyVolumeStatus?.targetVolumeAttributesClassName,
  ].filter((name) => name !== undefined) as string[];

export const usesAttributesClass = (
  name: string,
  volumes: readonly PersistentVolume[],
  claims: readonly PersistentVolumeClaim[],
): boolean =>
  volumes.some(({ spec }) => spec.volumeAttributesClassName === name) ||
  claims.some((claim) => attributesClassesOf(claim).includes(name));
