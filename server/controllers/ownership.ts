import type { Resource } from '#proto/api/resource.ts';
import { apiVersionOf } from '#proto/api/resource.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import type { OwnerReference } from '#proto/schema/generated/meta-v1.ts';

/** The one owner that manages this object. */
export const controllerOf = (object: KubeObject): OwnerReference | undefined =>
  object.metadata.ownerReferences?.find((owner) => owner.controller === true);

/** Index of objects that nobody manages: candidates for adoption, by namespace. */
export const indexOrphans = (object: KubeObject): readonly string[] =>
  controllerOf(object) ? [] : [object.metadata.namespace ?? ''];

/** What a managed object carries; its owner's foreground deletion waits for it. */
export function controllerReference(
  owner: KubeObject,
  resource: Pick<Resource, 'group' | 'version' | 'kind'>,
): OwnerReference {
  return {
    apiVersion: apiVersionOf(resource),
    kind: resource.kind,
    name: owner.metadata.name ?? '',
    uid: owner.metadata.uid ?? '',
    controller: true,
    blockOwnerDeletion: true,
  };
}

export interface Claims<T> {
  /** Managed already and still selected. */
  readonly mine: readonly T[];
  /** Nobody's, and selected. */
  readonly adopt: readonly T[];
  /** Managed, but no longer selected. */
  readonly release: readonly T[];
}

/**
 * Who belongs to `owner` by controller reference and selector. An owner that is being deleted adopts nothing
 * and releases nothing; objects that are being deleted are not adopted. Rule: upstream's
 * `controller_ref_manager.go`.
 */
export function planClaims<T extends KubeObject>(
  owner: KubeObject,
  candidates: readonly T[],
  matches: (object: T) => boolean,
): Claims<T> {
  const mine: T[] = [];
  const adopt: T[] = [];
  const release: T[] = [];
  const deleting = owner.metadata.deletionTimestamp !== undefined;
  for (const object of candidates) {
    const controller = controllerOf(object);
    if (controller) {
      if (controller.uid !== owner.metadata.uid) continue;
      if (matches(object)) mine.push(object);
      else if (!deleting) release.push(object);
    } else if (!deleting && !object.metadata.deletionTimestamp && matches(object)) adopt.push(object);
  }
  return { mine, adopt, release };
}
