import type { Resource } from '#proto/api/resource.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import { isInvalid, isNotFound } from '#proto/meta/status-error.ts';
import type { OwnerReference } from '#proto/schema/generated/meta-v1.ts';
import type { ApiClient } from '#server/client/client.ts';
import type { Claims } from '#server/controllers/ownership.ts';

interface ClaimInput<O extends KubeObject, T extends KubeObject> {
  readonly client: ApiClient;
  readonly ownerResource: Resource<O>;
  readonly owner: O;
  readonly reference: OwnerReference;
  readonly resource: Resource<T>;
  readonly claims: Claims<T>;
  /** What adopted objects get and released ones lose besides the reference. */
  readonly finalizer?: string;
}

/**
 * Carries claims out and returns what is managed now. Before adopting, the owner is read afresh: a cache that
 * lags behind must not adopt for an owner that is being deleted or has been replaced.
 */
export async function applyClaims<O extends KubeObject, T extends KubeObject>(
  input: ClaimInput<O, T>,
): Promise<T[]> {
  const { client, ownerResource, owner, reference, resource, claims, finalizer } = input;
  const managed = [...claims.mine];
  for (const object of claims.release) {
    const ownerReferences = (object.metadata.ownerReferences ?? []).filter((o) => o.uid !== reference.uid);
    const finalizers = finalizer && object.metadata.finalizers?.filter((one) => one !== finalizer);
    await tolerateGone(() =>
      patchOwners(client, resource, object, { ownerReferences, ...(finalizers ? { finalizers } : {}) }),
    );
  }
  if (claims.adopt.length === 0) return managed;
  const { namespace, name = '' } = owner.metadata;
  const fresh = await client.get(ownerResource, { namespace, name });
  if (fresh.metadata.uid !== owner.metadata.uid)
    throw new Error(`${name} has been replaced: nothing adopted`);
  if (fresh.metadata.deletionTimestamp) return managed;
  for (const object of claims.adopt) {
    const ownerReferences = [...(object.metadata.ownerReferences ?? []), reference];
    const finalizers = finalizer && [...new Set([...(object.metadata.finalizers ?? []), finalizer])];
    const adopted = await tolerateGone(() =>
      patchOwners(client, resource, object, { ownerReferences, ...(finalizers ? { finalizers } : {}) }),
    );
    if (adopted) managed.push(adopted);
  }
  return managed;
}

/** A merge patch replaces the lists, so it carries the revision that they were read at. */
const patchOwners = <T extends KubeObject>(
  client: ApiClient,
  resource: Resource<T>,
  object: T,
  lists: { readonly ownerReferences: OwnerReference[]; readonly finalizers?: readonly string[] },
): Promise<T> =>
  client.patch(
    resource,
    { namespace: object.metadata.namespace, name: object.metadata.name ?? '' },
    'merge',
    {
      metadata: {
        uid: object.metadata.uid,
        resourceVersion: object.metadata.resourceVersion,
        ...lists,
      },
    },
  );

async function tolerateGone<T>(call: () => Promise<T>): Promise<T | undefined> {
  try {
    return await call();
  } catch (err) {
    if (isNotFound(err) || isInvalid(err)) return undefined;
    throw err;
  }
}
