import type { Resource } from '#proto/api/resource.ts';
import type { Clock } from '#proto/meta/clock.ts';
import type { Logger } from '#proto/meta/log.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import { keyOf } from '#proto/meta/object.ts';
import { isExpired, StatusError } from '#proto/meta/status-error.ts';
import { backoffMs } from '#server/client/backoff.ts';
import type { ApiClient } from '#server/client/client.ts';
import type { IndexFunction } from '#server/client/object-cache.ts';
import { ObjectCache } from '#server/client/object-cache.ts';

export type ChangeType = 'ADDED' | 'MODIFIED' | 'DELETED';

/** `old` is what the cache held before; on DELETED `object` is the last known state. */
export type ChangeListener<T extends KubeObject> = (type: ChangeType, object: T, old: T | undefined) => void;

export interface InformerDeps {
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly log: Logger;
  readonly rng?: () => number;
}

const BACKOFF = { baseMs: 500, maxMs: 30_000 };
/** A watch that lived this long was healthy: the next failure starts the back-off anew. */
const HEALTHY_MS = 10_000;
const INITIAL_EVENTS_END = 'k8s.io/initial-events-end';

/**
 * Keeps all objects of one kind in memory and tells listeners what changes.
 * - One watch with initial events fills the cache; a server that refuses those is listed first.
 * - A watch that ends is resumed at the last revision seen; 410 starts over, and objects that have gone in
 *   between are reported as DELETED. An object is never reported twice at the same resourceVersion.
 * - Objects are shared, with the API server too when the client is in process: never mutate them.
 * - Listeners run synchronously, after the cache and its indexes have changed; they must only enqueue.
 */
export class Informer<T extends KubeObject> {
  readonly resource: Resource<T>;
  readonly #deps: InformerDeps;
  readonly #cache = new ObjectCache<T>();
  readonly #listeners = new Set<ChangeListener<T>>();
  readonly #waiters = new Set<() => void>();
  #synced = false;
  #started = false;
  /** Resume here; undefined: start over. */
  #revision: string | undefined;
  #streaming = true;

  constructor(resource: Resource<T>, deps: InformerDeps) {
    this.resource = resource;
    this.#deps = deps;
  }

  /** True once everything that existed at the start is in the cache. */
  get hasSynced(): boolean {
    return this.#synced;
  }

  get size(): number {
    return this.#cache.size;
  }

  /** By `namespace/name`, or `name` for cluster-scoped kinds. */
  get(key: string): T | undefined {
    return this.#cache.get(key);
  }

  /** A fresh array of the shared objects. */
  list(): T[] {
    return [...this.#cache.values()];
  }

  values(): IterableIterator<T> {
    return this.#cache.values();
  }

  /** Registers an index at any time; the same name must mean the same function. */
  addIndex(name: string, of: IndexFunction<T>): void {
    this.#cache.addIndex(name, of);
  }

  byIndex(name: string, value: string): T[] {
    return this.#cache.byIndex(name, value);
  }

  /** A late listener hears of what is already there as ADDED. Returns the function that ends it. */
  onChange(listener: ChangeListener<T>): () => void {
    this.#listeners.add(listener);
    for (const object of this.#cache.values()) listener('ADDED', object, undefined);
    return () => void this.#listeners.delete(listener);
  }

  /** Resolves when the cache is filled; rejects when the signal aborts first. */
  whenSynced(signal?: AbortSignal): Promise<void> {
    if (this.#synced) return Promise.resolve();
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const abort = (): void => reject(signal?.reason);
      signal?.addEventListener('abort', abort, { once: true });
      this.#waiters.add(() => {
        signal?.removeEventListener('abort', abort);
        resolve();
      });
    });
  }

  /** Runs until the signal aborts. Starting twice is once. */
  start(signal: AbortSignal): void {
    if (this.#started) return;
    this.#started = true;
    void this.#run(signal);
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock, log, rng = Math.random } = this.#deps;
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      const began = clock.now();
      try {
        await this.#observe(signal);
        if (this.#synced) attempt = 0;
      } catch (err) {
        if (signal.aborted) return;
        if (clock.now() - began >= HEALTHY_MS) attempt = 0;
        if (isExpired(err)) this.#revision = undefined;
        else if (this.#streaming && refusesInitialEvents(err)) this.#streaming = false;
        else log.warn('watch failed', { resource: this.resource.plural, err });
      }
      try {
        await clock.sleep(backoffMs(attempt, BACKOFF, rng), signal);
      } catch {
        return;
      }
    }
  }

  /** One watch, from the last revision or from nothing, until it ends. */
  async #observe(signal: AbortSignal): Promise<void> {
    const { client } = this.#deps;
    if (this.#revision === undefined && !this.#streaming) await this.#relist(signal);
    const initial = this.#revision === undefined;
    const seen = initial ? new Set<string>() : undefined;
    const events = client.watch(this.resource, {
      allowWatchBookmarks: true,
      signal,
      ...(initial
        ? { sendInitialEvents: true, resourceVersionMatch: 'NotOlderThan' as const }
        : { resourceVersion: this.#revision as string }),
    });
    let filling = initial;
    for await (const event of events) {
      if (signal.aborted) return;
      if (event.type === 'ERROR') throw StatusError.from(event.object);
      const { object } = event;
      if (event.type === 'BOOKMARK') {
        if (filling && object.metadata.annotations?.[INITIAL_EVENTS_END] === 'true') {
          filling = false;
          this.#prune(seen as Set<string>);
        }
      } else if (event.type === 'DELETED') {
        seen?.delete(keyOf(object));
        this.#remove(keyOf(object), object);
      } else {
        if (filling) seen?.add(keyOf(object));
        this.#put(object);
      }
      // Initial events come in key order, not in revision order: no place to resume at before their end.
      if (!filling) this.#revision = object.metadata.resourceVersion ?? this.#revision;
    }
  }

  async #relist(signal: AbortSignal): Promise<void> {
    const list = await this.#deps.client.list(this.resource, { signal });
    for (const object of list.items) this.#put(object);
    this.#prune(new Set(list.items.map(keyOf)));
    this.#revision = list.metadata.resourceVersion;
  }

  /** The fill is complete: what it did not mention has gone. */
  #prune(seen: ReadonlySet<string>): void {
    for (const key of [...this.#cache.keys()]) if (!seen.has(key)) this.#remove(key, undefined);
    this.#synced = true;
    for (const wake of this.#waiters) wake();
    this.#waiters.clear();
  }

  #put(object: T): void {
    const known = this.#cache.get(keyOf(object));
    if (known && known.metadata.resourceVersion === object.metadata.resourceVersion) return;
    const old = this.#cache.set(object);
    this.#emit(old ? 'MODIFIED' : 'ADDED', object, old);
  }

  #remove(key: string, last: T | undefined): void {
    const old = this.#cache.delete(key);
    if (old) this.#emit('DELETED', last ?? old, old);
  }

  #emit(type: ChangeType, object: T, old: T | undefined): void {
    for (const listener of this.#listeners) {
      try {
        listener(type, object, old);
      } catch (err) {
        this.#deps.log.error('informer listener failed', { resource: this.resource.plural, err });
      }
    }
  }
}

/** Servers from before streaming lists answer 400 or 422. */
const refusesInitialEvents = (err: unknown): boolean =>
  err instanceof StatusError && (err.code === 400 || err.code === 422);
