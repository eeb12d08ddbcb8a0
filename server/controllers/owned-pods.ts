import { pods } from '#proto/api/core/pods.ts';
import type { Resource } from '#proto/api/resource.ts';
import { type KubeObject, keyOf } from '#proto/meta/object.ts';
import { isNotFound } from '#proto/meta/status-error.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import type { EventRecorder } from '#server/client/events.ts';
import type { ChangeListener, Informer } from '#server/client/informer.ts';
import { indexByController, indexByNamespace } from '#server/client/object-cache.ts';
import type { Outcome, WorkQueue } from '#server/client/work-queue.ts';
import { applyClaims } from '#server/controllers/claim.ts';
import { type ControllerContext, createQueue } from '#server/controllers/context.ts';
import { equalJson } from '#server/controllers/json.ts';
import {
  controllerOf,
  controllerReference,
  indexOrphans,
  planClaims,
} from '#server/controllers/ownership.ts';
import { Expectations } from '#server/controllers/replicaset/expectations.ts';
import {
  createdPod,
  createPodFailed,
  deletedPod,
  deletePodFailed,
} from '#server/controllers/replicaset/replicaset.events.ts';
import { slowStart } from '#server/controllers/replicaset/slow-start.ts';
import { isNamespaceTerminating } from '#server/controllers/terminating-namespace.ts';

/** One kind that has Pods of its own, and the controller of it. */
export interface OwnerKind<O extends KubeObject> {
  readonly resource: Resource<O>;
  /** In whose name events are told. */
  readonly component: string;
  /** Does the owner's selector, or whatever it goes by, mean this Pod? */
  readonly selects: (owner: O, pod: Pod) => boolean;
  /** Works on one owner, by its key. */
  readonly reconcile: (key: string) => Promise<Outcome>;
  readonly workers?: number;
  /** What adopted Pods get and released ones lose. */
  readonly finalizer?: string;
}

/**
 * What all controllers of Pods have in common: informers of owners and Pods, the queue that both wake, expectations
 * while the caches lag, adoption, and the calls that make and delete Pods.
 */
export class OwnedPods<O extends KubeObject> {
  readonly owners: Informer<O>;
  readonly pods: Informer<Pod>;
  readonly expectations: Expectations;
  readonly events: EventRecorder;
  readonly queue: WorkQueue;
  readonly #context: ControllerContext;
  readonly #kind: OwnerKind<O>;

  constructor(context: ControllerContext, kind: OwnerKind<O>) {
    this.#context = context;
    this.#kind = kind;
    this.events = context.recorderFor(kind.component);
    this.expectations = new Expectations(context.clock);
    this.queue = createQueue(context, kind.resource.plural, kind.reconcile, kind.workers);
    this.owners = context.informers.for(kind.resource);
    this.owners.addIndex('namespace', indexByNamespace);
    this.pods = context.informers.for(pods);
    this.pods.addIndex('controller', indexByController);
    this.pods.addIndex('orphans', indexOrphans);
    this.owners.onChange((_type, owner) => this.queue.add(keyOf(owner)));
    this.pods.onChange((...change) => this.#observePod(...change));
  }

  start(signal: AbortSignal): void {
    this.queue.start(signal);
  }

  readonly #observePod: ChangeListener<Pod> = (type, pod, old) => {
    const key = this.ownerKey(pod);
    if (key !== undefined) {
      if (type === 'ADDED') this.expectations.created(key);
      if (type === 'DELETED' || pod.metadata.deletionTimestamp) {
        this.expectations.deleted(key, pod.metadata.uid ?? '');
      }
      this.queue.add(key);
    }
    const oldKey = old && this.ownerKey(old);
    if (oldKey !== undefined && oldKey !== key) this.queue.add(oldKey);
    if (type === 'DELETED' || controllerOf(pod)) return;
    for (const owner of this.candidates(pod)) this.queue.add(keyOf(owner));
  };

  /** The key of the owner that manages the Pod, where it is of this kind. */
  ownerKey(pod: Pod): string | undefined {
    const owner = controllerOf(pod);
    if (owner?.kind !== this.#kind.resource.kind) return undefined;
    return `${pod.metadata.namespace}/${owner.name}`;
  }

  /** Owners that would adopt the Pod. */
  candidates(pod: Pod): O[] {
    return this.owners
      .byIndex('namespace', pod.metadata.namespace ?? '')
      .filter((owner) => this.#kind.selects(owner, pod));
  }

  /** Adopts and releases; gives what is the owner's now. */
  claim(owner: O, isAdoptable: (pod: Pod) => boolean = () => true): Promise<Pod[]> {
    const { uid = '', namespace = '' } = owner.metadata;
    const { resource, selects, finalizer } = this.#kind;
    const candidates = [
      ...this.pods.byIndex('controller', uid),
      ...this.pods.byIndex('orphans', namespace).filter(isAdoptable),
    ];
    return applyClaims({
      client: this.#context.client,
      ownerResource: resource,
      owner,
      reference: controllerReference(owner, resource),
      resource: pods,
      claims: planClaims(owner, candidates, (pod) => selects(owner, pod)),
      ...(finalizer ? { finalizer } : {}),
    });
  }

  /**
   * Makes these Pods, a few first: see {@link slowStart}. Expectations must be set already; what is not made is taken
   * off them. `done` counts the Pods that were made.
   */
  async create(key: string, owner: O, wanted: readonly Pod[]): Promise<{ done: number; error: unknown }> {
    const rest = wanted.values();
    const result = await slowStart(wanted.length, async () => {
      const next = rest.next();
      if (next.done) return;
      try {
        const pod = await this.#context.client.create(pods, next.value);
        this.events.event(owner, createdPod(pod.metadata.name ?? ''));
      } catch (err) {
        if (isNamespaceTerminating(err)) return this.expectations.created(key);
        this.events.event(owner, createPodFailed(err));
        throw err;
      }
    });
    if (result.done < wanted.length) this.expectations.created(key, wanted.length - result.done);
    return result;
  }

  /** One that is gone already is as good as deleted. `before` runs first, for what the Pod must lose. */
  async delete(key: string, owner: O, pod: Pod, before?: (pod: Pod) => Promise<void>): Promise<void> {
    const { namespace, name = '', uid } = pod.metadata;
    try {
      await before?.(pod);
      await this.#context.client.delete(pods, { namespace, name }, uid ? { preconditions: { uid } } : {});
      this.events.event(owner, deletedPod(name));
    } catch (err) {
      this.expectations.deleted(key, uid ?? '');
      if (isNotFound(err)) return;
      this.events.event(owner, deletePodFailed(err));
      throw err;
    }
  }

  /** At the revision that it was computed from. Undefined: it says so already. */
  async writeStatus(next: O, before: unknown, after: unknown): Promise<O | undefined> {
    if (equalJson(after, before)) return undefined;
    return this.#context.client.update(this.#kind.resource, next, { subresource: 'status' });
  }
}
