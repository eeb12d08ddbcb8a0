import { persistentvolumeclaims } from '#proto/api/core/persistentvolumeclaims.ts';
import { pods } from '#proto/api/core/pods.ts';
import { isAlreadyExists, isNotFound } from '#proto/meta/status-error.ts';
import type { StatefulSet } from '#proto/schema/generated/apps-v1.ts';
import type { PersistentVolumeClaim, Pod } from '#proto/schema/generated/core-v1.ts';
import type { ApiClient } from '#server/client/client.ts';
import type { EventRecorder } from '#server/client/events.ts';
import {
  claimCreated,
  createClaimFailed,
  podDone,
  podFailed,
} from '#server/controllers/statefulset/statefulset.events.ts';
import type { StatefulSetAction } from '#server/controllers/statefulset/statefulset.plan.ts';

interface Deps {
  readonly client: ApiClient;
  readonly events: EventRecorder;
}

/** Carries one action out and tells the set's events of it. */
export async function applyAction(deps: Deps, set: StatefulSet, action: StatefulSetAction): Promise<void> {
  const { client } = deps;
  switch (action.type) {
    case 'createPod':
      await createClaims(deps, set, action.pod, action.claims);
      return tell(deps, set, 'Create', action.pod, () => client.create(pods, action.pod));
    case 'createClaims':
      return createClaims(deps, set, action.pod, action.claims);
    case 'deletePod': {
      const { namespace, name = '', uid } = action.pod.metadata;
      return tell(deps, set, 'Delete', action.pod, () =>
        // The uid: a cache that lags behind must not delete the Pod's successor of the same name.
        client.delete(pods, { namespace, name }, uid ? { preconditions: { uid } } : {}),
      );
    }
    case 'labelPod': {
      const { namespace, name = '', uid } = action.pod.metadata;
      const body = { metadata: { uid, labels: action.labels } };
      return tell(deps, set, 'Update', action.pod, () =>
        client.patch(pods, { namespace, name }, 'merge', body),
      );
    }
    case 'ownClaim': {
      const { namespace, name = '', uid, resourceVersion } = action.claim.metadata;
      const body = { metadata: { uid, resourceVersion, ownerReferences: action.ownerReferences } };
      await client.patch(persistentvolumeclaims, { namespace, name }, 'merge', body);
    }
  }
}

async function tell(
  { events }: Deps,
  set: StatefulSet,
  verb: 'Create' | 'Update' | 'Delete',
  pod: Pod,
  call: () => Promise<unknown>,
): Promise<void> {
  const name = pod.metadata.name ?? '';
  const owner = set.metadata.name ?? '';
  try {
    await call();
    events.event(set, podDone(verb, name, owner));
  } catch (err) {
    if (verb === 'Delete' && isNotFound(err)) return;
    // Taken: by our own Pod that the cache has not shown yet, or by somebody's who has to go first.
    if (!isAlreadyExists(err)) events.event(set, podFailed(verb, name, owner, err));
    throw err;
  }
}

async function createClaims(
  { client, events }: Deps,
  set: StatefulSet,
  pod: Pod,
  claims: readonly PersistentVolumeClaim[],
): Promise<void> {
  const names = [pod.metadata.name ?? '', set.metadata.name ?? ''] as const;
  for (const claim of claims) {
    try {
      await client.create(persistentvolumeclaims, claim);
      events.event(set, claimCreated(claim.metadata.name ?? '', ...names));
    } catch (err) {
      if (isAlreadyExists(err)) continue;
      events.event(set, createClaimFailed(claim.metadata.name ?? '', ...names, err));
      throw err;
    }
  }
}
