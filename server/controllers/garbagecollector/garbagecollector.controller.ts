import type { Resource } from '#proto/api/resource.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import { isNotFound } from '#proto/meta/status-error.ts';
import type { OwnerReference } from '#proto/schema/generated/meta-v1.ts';
import type { ServedKinds } from '#server/client/served-kinds.ts';
import type { Outcome, WorkQueue } from '#server/client/work-queue.ts';
import type { Controller, ControllerContext } from '#server/controllers/context.ts';
import { createQueue } from '#server/controllers/context.ts';
import type { OwnerState } from '#server/controllers/garbagecollector/garbagecollector.plan.ts';
import {
  blocks,
  FOREGROUND,
  hasFinalizer,
  isDeleting,
  isWaiting,
  ORPHAN,
  planCollect,
} from '#server/controllers/garbagecollector/garbagecollector.plan.ts';
import type { Found } from '#server/controllers/garbagecollector/kinds.ts';
import { CollectedKinds } from '#server/controllers/garbagecollector/kinds.ts';
import { equalJson } from '#server/controllers/json.ts';

/** Kinds that can't be watched hold deletion up for so long after the start, then it goes on without them. */
const SYNC_MS = 30_000;
const RETRY_MS = 1000;

/**
 * Deletes what has lost all its owners, and carries out foreground and orphaning deletion.
 * - Before anything is deleted for a missing owner, the API is asked: a cache that lags kills nothing.
 * - It works when owners change or something goes; an idle cluster costs it nothing.
 */
class GarbageCollector implements Controller {
  readonly #context: ControllerContext;
  readonly #served: ServedKinds;
  readonly #kinds: CollectedKinds;
  readonly #queue: WorkQueue;
  #started = 0;

  constructor(context: ControllerContext, served: ServedKinds) {
    this.#context = context;
    this.#served = served;
    this.#kinds = new CollectedKinds(context.informers);
    this.#queue = createQueue(context, 'garbage-collector', (id) => this.#reconcile(id), 8);
    this.#followKinds();
  }

  start(signal: AbortSignal): void {
    this.#started = this.#context.clock.now();
    this.#queue.start(signal);
    signal.addEventListener(
      'abort',
      this.#served.onChange(() => this.#followKinds()),
      { once: true },
    );
  }

  #followKinds(): void {
    this.#kinds.follow(this.#served.all, (found, type, object, old) => {
      if (type === 'DELETED') this.#observeDeleted(object);
      else if (isDeleting(object)) this.#queue.add(found.id);
      else if (object.metadata.ownerReferences?.length) {
        if (!equalJson(object.metadata.ownerReferences, old?.metadata.ownerReferences))
          this.#queue.add(found.id);
      }
      // A dependent that blocks no more, or an owner that begins to wait.
      if (old && type === 'MODIFIED') this.#observeOwners(old);
    });
  }

  #observeDeleted(object: KubeObject): void {
    for (const dependent of this.#kinds.dependentsOf(object.metadata.uid ?? ''))
      this.#queue.add(dependent.id);
    this.#observeOwners(object);
  }

  #observeOwners({ metadata }: KubeObject): void {
    for (const reference of metadata.ownerReferences ?? []) {
      const owner = this.#cached(reference, metadata.namespace);
      if (owner && isDeleting(owner.object)) this.#queue.add(owner.id);
    }
  }

  async #reconcile(id: string): Promise<Outcome> {
    const found = this.#kinds.find(id);
    if (!found) return;
    if (!this.#kinds.hasSynced && this.#context.clock.now() - this.#started < SYNC_MS) {
      return { requeueAfterMs: RETRY_MS };
    }
    const { object } = found;
    if (isDeleting(object)) {
      if (hasFinalizer(object, ORPHAN)) await this.#orphan(found);
      else if (hasFinalizer(object, FOREGROUND)) await this.#waitForDependents(found);
      return;
    }
    const references = object.metadata.ownerReferences ?? [];
    const cached = references.map((reference) => this.#cached(reference, object.metadata.namespace));
    // The common case: all owners are there.
    if (references.length === 0 || cached.every((owner) => owner && !isWaiting(owner.object))) return;
    await this.#collect(found);
  }

  /** Decides on the object as the API has it now, not as the cache has it. */
  async #collect(found: Found): Promise<void> {
    const { client } = this.#context;
    const { resource } = found;
    const { namespace, name = '', uid } = found.object.metadata;
    const key = { namespace, name };
    const fresh = await tolerateGone(client.get(resource, key));
    if (!fresh || fresh.metadata.uid !== uid) return;
    const references = fresh.metadata.ownerReferences ?? [];
    const owners = await Promise.all(
      references.map(async (reference) => ({
        reference,
        state: await this.#stateOf(reference, resource, namespace),
      })),
    );
    const dependents = this.#kinds.dependentsOf(uid ?? '').map(({ object }) => object);
    const action = planCollect(fresh, owners, dependents);
    const { resourceVersion } = fresh.metadata;
    switch (action.type) {
      case 'none':
        return;
      case 'drop':
        await this.#patch(found, {
          resourceVersion,
          ownerReferences: references.filter((owner) => !action.uids.includes(owner.uid)),
        });
        return;
      case 'delete': {
        if (action.unblock) {
          const unblocked = references.map((owner) => ({ ...owner, blockOwnerDeletion: false }));
          // Its change brings us here again, and then there is nothing to unblock.
          if (!equalJson(unblocked, references))
            return this.#patch(found, { resourceVersion, ownerReferences: unblocked });
        }
        const preconditions = { ...(uid ? { uid } : {}), ...(resourceVersion ? { resourceVersion } : {}) };
        await tolerateGone(client.delete(resource, key, { propagationPolicy: action.policy, preconditions }));
        return;
      }
    }
  }

  async #waitForDependents(found: Found): Promise<void> {
    const uid = found.object.metadata.uid ?? '';
    const dependents = this.#kinds.dependentsOf(uid);
    const blocking = dependents.filter(({ object }) => blocks(object, uid));
    for (const dependent of dependents) if (!isDeleting(dependent.object)) this.#queue.add(dependent.id);
    if (blocking.length === 0) await this.#dropFinalizer(found, FOREGROUND);
  }

  async #orphan(found: Found): Promise<void> {
    const { uid = '' } = found.object.metadata;
    for (const dependent of this.#kinds.dependentsOf(uid)) {
      const { resourceVersion, ownerReferences = [] } = dependent.object.metadata;
      await this.#patch(dependent, {
        resourceVersion,
        ownerReferences: ownerReferences.filter((owner) => owner.uid !== uid),
      });
    }
    await this.#dropFinalizer(found, ORPHAN);
  }

  #dropFinalizer(found: Found, finalizer: string): Promise<void> {
    const { resourceVersion, finalizers = [] } = found.object.metadata;
    return this.#patch(found, { resourceVersion, finalizers: finalizers.filter((f) => f !== finalizer) });
  }

  async #patch({ resource, object }: Found, metadata: object): Promise<void> {
    const { namespace, name = '', uid } = object.metadata;
    const body = { metadata: { uid, ...metadata } };
    await tolerateGone(this.#context.client.patch(resource, { namespace, name }, 'merge', body));
  }

  /** The owner, where the cache has it with this uid. */
  #cached(reference: OwnerReference, namespace: string | undefined): Found | undefined {
    const informer = this.#kinds.ofKind(reference.apiVersion, reference.kind);
    if (!informer) return undefined;
    const { resource } = informer;
    const key = resource.namespaced && namespace ? `${namespace}/${reference.name}` : reference.name;
    const object = informer.get(key);
    if (object?.metadata.uid !== reference.uid) return undefined;
    return { id: `${resource.plural}.${resource.group}|${key}`, resource, object };
  }

  async #stateOf(
    reference: OwnerReference,
    dependent: Resource,
    namespace: string | undefined,
  ): Promise<OwnerState> {
    const cached = this.#cached(reference, namespace);
    if (cached) return isWaiting(cached.object) ? 'waiting' : 'present';
    const informer = this.#kinds.ofKind(reference.apiVersion, reference.kind);
    // A kind that is not served answers 404 too: that is no proof that the owner has gone.
    if (!informer?.hasSynced) return 'unknown';
    const { resource } = informer;
    // A cluster-scoped object can't name the namespace of its owner: that reference says nothing.
    if (resource.namespaced && !dependent.namespaced) return 'unknown';
    const key = { ...(resource.namespaced ? { namespace } : {}), name: reference.name };
    const fresh = await tolerateGone(this.#context.client.get(resource, key));
    if (fresh?.metadata.uid !== reference.uid) return 'absent';
    return isWaiting(fresh) ? 'waiting' : 'present';
  }
}

async function tolerateGone<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (err) {
    if (isNotFound(err)) return undefined;
    throw err;
  }
}

export const createGarbageCollector = (context: ControllerContext, served: ServedKinds): Controller =>
  new GarbageCollector(context, served);
