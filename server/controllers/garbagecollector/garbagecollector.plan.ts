import type { KubeObject } from '#proto/meta/object.ts';
import type { OwnerReference } from '#proto/schema/generated/meta-v1.ts';

export const FOREGROUND = 'foregroundDeletion';
export const ORPHAN = 'orphan';

/** `waiting`: in foreground deletion, for its dependents. `unknown`: its kind is not known here. */
export type OwnerState = 'present' | 'waiting' | 'absent' | 'unknown';

export type CollectAction =
  | { readonly type: 'none' }
  /** Some owners are left: the object stays, without these references. */
  | { readonly type: 'drop'; readonly uids: readonly string[] }
  /** `unblock`: first it stops holding its owners up, for they may be waiting in a circle. */
  | {
      readonly type: 'delete';
      readonly policy: 'Background' | 'Foreground' | 'Orphan';
      readonly unblock?: boolean;
    };

export const isDeleting = (object: KubeObject): boolean => object.metadata.deletionTimestamp !== undefined;

export const hasFinalizer = (object: KubeObject, finalizer: string): boolean =>
  object.metadata.finalizers?.includes(finalizer) === true;

/** In foreground deletion, as long as something that depends on it is there. */
export const isWaiting = (object: KubeObject): boolean =>
  isDeleting(object) && hasFinalizer(object, FOREGROUND);

/**
 * What becomes of an object, by the state of its owners: it lives as long as one of them does. An owner of an
 * unknown kind counts as alive, for nobody here can say that it has gone. Rule: upstream's
 * `garbagecollector.go`, `attemptToDeleteItem`.
 */
export function planCollect(
  object: KubeObject,
  owners: readonly { readonly reference: OwnerReference; readonly state: OwnerState }[],
  dependents: readonly KubeObject[],
): CollectAction {
  if (isDeleting(object) || owners.length === 0) return { type: 'none' };
  const of = (state: OwnerState): string[] =>
    owners.filter((owner) => owner.state === state).map(({ reference }) => reference.uid);
  const gone = [...of('absent'), ...of('waiting')];
  if (of('present').length + of('unknown').length > 0) {
    return gone.length > 0 ? { type: 'drop', uids: gone } : { type: 'none' };
  }
  // An owner waits, and so must this one, for what depends on it in turn.
  if (of('waiting').length > 0 && dependents.length > 0)
    return { type: 'delete', policy: 'Foreground', unblock: dependents.some(isWaiting) };
  if (hasFinalizer(object, ORPHAN)) return { type: 'delete', policy: 'Orphan' };
  if (hasFinalizer(object, FOREGROUND)) return { type: 'delete', policy: 'Foreground' };
  return { type: 'delete', policy: 'Background' };
}

/** Does this dependent hold its owner's foreground deletion up? */
export const blocks = (dependent: KubeObject, ownerUid: string): boolean =>
  (dependent.metadata.ownerReferences ?? []).some(
    (owner) => owner.uid === ownerUid && owner.blockOwnerDeletion === true,
  );
