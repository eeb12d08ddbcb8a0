import { isDeepStrictEqual } from 'node:util';
import type { Resource } from '#proto/api/resource.ts';
import { apiVersionOf } from '#proto/api/resource.ts';
import type { KubeObject, ObjectKey, ObjectList } from '#proto/meta/object.ts';
import {
  alreadyExists,
  badRequest,
  conflict,
  expired,
  methodNotAllowed,
  notFound,
  STALE,
} from '#proto/meta/status-error.ts';
import type { DeleteOptions } from '#proto/schema/generated/meta-v1.ts';
import type {
  ApiClient,
  ListOptions,
  PatchType,
  ReadOptions,
  WatchEvent,
  WatchOptions,
  WriteOptions,
} from './client.ts';
import { mergePatch, strategicMergePatch } from './memory-patch.ts';

/** A stored object; kinds differ, so spec and status are open. */
type Stored = KubeObject & { spec?: Record<string, unknown>; status?: unknown };
type Change = { plural: string; revision: number; type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: Stored };

/** What a test sees of the calls that were made. */
export interface RecordedCall {
  readonly verb: string;
  readonly resource: string;
  readonly key: string;
  readonly subresource?: string | undefined;
}

const keyFor = (key: ObjectKey): string => (key.namespace ? `${key.namespace}/${key.name}` : key.name);
const rc = (r: { group: string; plural: string }) => ({ group: r.group, resource: r.plural });

/**
 * The API in memory, for unit tests: revisions, compare-and-swap, status as a subresource, generations,
 * finalizers, graceful deletion of Pods that are on a node, watches from any revision. No admission, no
 * validation, no defaults. Everything it hands out is frozen, so that a test fails where code mutates.
 */
export class MemoryClient implements ApiClient {
  readonly calls: RecordedCall[] = [];
  /** Throw from here to make a call fail. Runs before it. */
  onCall: ((call: RecordedCall) => void | Promise<void>) | undefined;
  readonly #kinds = new Map<string, Map<string, Stored>>();
  readonly #history: Change[] = [];
  readonly #watchers = new Set<{ plural: string; push: (change: Change) => void; end: () => void }>();
  readonly #now: () => number;
  #revision = 1;
  #oldest = 0;
  #serial = 0;

  constructor(now: () => number = () => Date.UTC(2026, 0, 1)) {
    this.#now = now;
  }

  async get<T extends KubeObject>(
    resource: Resource<T>,
    key: ObjectKey,
    options: ReadOptions = {},
  ): Promise<T> {
    await this.#call('get', resource, keyFor(key), options.subresource);
    const found = this.#find(resource, key);
    return (options.subresource === 'scale' ? memoryScale(found) : found) as unknown as T;
  }

  async list<T extends KubeObject>(resource: Resource<T>, options: ListOptions = {}): Promise<ObjectList<T>> {
    await this.#call('list', resource, '');
    const items = [...this.#kind(resource).values()].filter((object) => selected(object, options));
    return {
      metadata: { resourceVersion: String(this.#revision) },
      items: items as unknown[] as T[],
    };
  }

  async *watch<T extends KubeObject>(
    resource: Resource<T>,
    options: WatchOptions,
  ): AsyncIterable<WatchEvent<T>> {
    let queue: WatchEvent<T>[] = [];
    let read = 0;
    let wake: (() => void) | undefined;
    let ended = false;
    const push = (change: Change): void => {
      if (selected(change.object, options)) {
        queue.push({ type: change.type, object: change.object as unknown as T });
      }
      wake?.();
    };
    const end = (): void => {
      ended = true;
      wake?.();
    };
    const watcher = { plural: idOf(resource), push, end };
    if (options.sendInitialEvents) {
      for (const object of this.#kind(resource).values()) {
        push({ plural: '', revision: 0, type: 'ADDED', object });
      }
      queue.push({ type: 'BOOKMARK', object: initialEventsEnd(resource, this.#revision) as unknown as T });
    } else {
      const after = Number(options.resourceVersion ?? this.#revision);
      if (after < this.#oldest) throw expired(`too old resource version: ${after} (${this.#oldest})`);
      for (const change of this.#history) {
        if (change.plural === watcher.plural && change.revision > after) push(change);
      }
    }
    this.#watchers.add(watcher);
    options.signal?.addEventListener('abort', end, { once: true });
    try {
      while (!ended && !options.signal?.aborted) {
        const event = queue[read];
        if (event) {
          read++;
          yield event;
          continue;
        }
        queue = [];
        read = 0;
        await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      this.#watchers.delete(watcher);
    }
  }

  async create<T extends KubeObject>(resource: Resource<T>, object: T): Promise<T> {
    const copy = structuredClone(object) as Stored;
    const meta = copy.metadata;
    this.#serial += 1;
    const serial = this.#serial;
    if (!meta.name && meta.generateName) meta.name = meta.generateName + serial.toString(36).padStart(5, 'x');
    if (!meta.name) throw badRequest('name or generateName is required');
    await this.#call('create', resource, keyFor({ namespace: meta.namespace, name: meta.name }));
    const key = keyFor({ namespace: meta.namespace, name: meta.name });
    if (this.#kind(resource).has(key)) throw alreadyExists(rc(resource), meta.name);
    copy.apiVersion = apiVersionOf(resource);
    copy.kind = resource.kind;
    meta.uid ??= `uid-${serial}`;
    meta.creationTimestamp ??= new Date(this.#now()).toISOString();
    meta.generation ??= 1;
    if (resource.kind === 'Namespace') copy.spec = { finalizers: ['kubernetes'], ...copy.spec };
    return this.#commit(resource, 'ADDED', copy) as unknown as T;
  }

  async update<T extends KubeObject>(resource: Resource<T>, object: T, options?: WriteOptions): Promise<T> {
    const key = { namespace: object.metadata.namespace, name: object.metadata.name ?? '' };
    await this.#call('update', resource, keyFor(key), options?.subresource);
    if (options?.subresource === 'scale') {
      const { spec: wanted, metadata } = object as KubeObject & { spec?: { replicas?: number } };
      const old = this.#find(resource, key);
      const spec = { ...old.spec, replicas: wanted?.replicas ?? 0 };
      const { resourceVersion = old.metadata.resourceVersion } = metadata;
      const next = { ...old, metadata: { ...old.metadata, resourceVersion }, spec };
      return memoryScale(this.#write(resource, key, structuredClone(next))) as unknown as T;
    }
    return this.#write(resource, key, structuredClone(object), options) as unknown as T;
  }

  async patch<T extends KubeObject>(
    resource: Resource<T>,
    key: ObjectKey,
    type: PatchType,
    body: unknown,
    options?: WriteOptions,
  ): Promise<T> {
    await this.#call('patch', resource, keyFor(key), options?.subresource);
    const old = this.#find(resource, key);
    if (type === 'json') throw badRequest('the memory client knows merge and strategic patches');
    const merge = type === 'merge' ? mergePatch : strategicMergePatch;
    return this.#write(resource, key, structuredClone(merge(old, body)) as Stored, options) as unknown as T;
  }

  async delete<T extends KubeObject>(
    resource: Resource<T>,
    key: ObjectKey,
    options: DeleteOptions = {},
  ): Promise<void> {
    await this.#call('delete', resource, keyFor(key));
    const old = this.#find(resource, key);
    const { uid, resourceVersion } = options.preconditions ?? {};
    if (uid && uid !== old.metadata.uid) {
      throw conflict(
        rc(resource),
        key.name,
        `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${old.metadata.uid}`,
      );
    }
    if (resourceVersion && resourceVersion !== old.metadata.resourceVersion) {
      throw conflict(rc(resource), key.name, STALE);
    }
    const copy = structuredClone(old);
    const policy = options.propagationPolicy;
    const finalizers = new Set(copy.metadata.finalizers ?? []);
    if (policy === 'Foreground') finalizers.add('foregroundDeletion');
    if (policy === 'Orphan') finalizers.add('orphan');
    if (finalizers.size > 0) copy.metadata.finalizers = [...finalizers];
    const grace = gracePeriodOf(resource.kind, copy, options.gracePeriodSeconds);
    const namespaceHeld =
      resource.kind === 'Namespace' &&
      ((copy.spec?.['finalizers'] as unknown[] | undefined)?.length ?? 0) > 0;
    if (finalizers.size === 0 && grace === 0 && !namespaceHeld) {
      this.#kind(resource).delete(keyFor(key));
      this.#commit(resource, 'DELETED', copy);
      return;
    }
    copy.metadata.deletionTimestamp ??= new Date(this.#now() + grace * 1000).toISOString();
    copy.metadata.deletionGracePeriodSeconds = grace;
    if (resource.kind === 'Namespace') copy.status = { ...(copy.status as object), phase: 'Terminating' };
    if (!isDeepStrictEqual(old, copy)) this.#commit(resource, 'MODIFIED', copy);
  }

  async post<T extends KubeObject, B, R>(
    resource: Resource<T>,
    key: ObjectKey,
    subresource: string,
    body: B,
  ): Promise<R> {
    await this.#call('post', resource, keyFor(key), subresource);
    const old = this.#find(resource, key);
    if (subresource === 'binding') {
      const { uid } = (body as { metadata?: { uid?: string } }).metadata ?? {};
      if (uid && uid !== old.metadata.uid) throw conflict(rc(resource), key.name, STALE);
      if (old.spec?.['nodeName']) {
        throw conflict(
          rc(resource),
          key.name,
          `pod ${key.name} is already assigned to node "${old.spec['nodeName']}"`,
        );
      }
      const copy = structuredClone(old);
      copy.spec = {
        ...copy.spec,
        nodeName: (body as { target?: { name?: string } }).target?.name,
      };
      this.#commit(resource, 'MODIFIED', copy);
      return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 } as R;
    }
    if (subresource === 'eviction') {
      await this.delete(resource, key);
      return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 } as R;
    }
    if (subresource === 'token') return { ...body, status: { token: `token-of-${keyFor(key)}` } } as R;
    throw methodNotAllowed(rc(resource), 'create');
  }

  /** Ends all watches, as a restarting server does. */
  endWatches(): void {
    for (const watcher of this.#watchers) watcher.end();
  }

  /** Forgets history: older revisions get 410. */
  compact(): void {
    this.#oldest = this.#revision;
    this.#history.length = 0;
  }

  async #call(verb: string, resource: { plural: string }, key: string, subresource?: string): Promise<void> {
    const call = { verb, resource: resource.plural, key, subresource };
    this.calls.push(call);
    await this.onCall?.(call);
  }

  #kind(resource: { group: string; plural: string }): Map<string, Stored> {
    const id = idOf(resource);
    let kind = this.#kinds.get(id);
    if (!kind) {
      kind = new Map();
      this.#kinds.set(id, kind);
    }
    return kind;
  }

  #find(resource: { group: string; plural: string }, key: ObjectKey): Stored {
    const found = this.#kind(resource).get(keyFor(key));
    if (!found) throw notFound(rc(resource), key.name);
    return found;
  }

  #write<T extends KubeObject>(
    resource: Resource<T>,
    key: ObjectKey,
    next: Stored,
    options: WriteOptions = {},
  ): Stored {
    const old = this.#find(resource, key);
    const { resourceVersion, uid } = next.metadata;
    if (resourceVersion && resourceVersion !== old.metadata.resourceVersion) {
      throw conflict(rc(resource), key.name, STALE);
    }
    if (uid && uid !== old.metadata.uid) throw conflict(rc(resource), key.name, STALE);
    const hasStatus = resource.subresources?.some((s) => s.name === 'status') ?? false;
    const merged: Stored =
      options.subresource === 'status'
        ? { ...structuredClone(old), status: next.status }
        : { ...next, ...(hasStatus && options.subresource === undefined ? { status: old.status } : {}) };
    merged.metadata = {
      ...(options.subresource === 'status' ? old.metadata : next.metadata),
      uid: old.metadata.uid,
      creationTimestamp: old.metadata.creationTimestamp,
      deletionTimestamp: old.metadata.deletionTimestamp,
      generation: isDeepStrictEqual(old.spec, merged.spec)
        ? old.metadata.generation
        : (old.metadata.generation ?? 0) + 1,
      resourceVersion: old.metadata.resourceVersion,
    };
    const { deletionTimestamp, deletionGracePeriodSeconds, finalizers } = merged.metadata;
    const held =
      (finalizers?.length ?? 0) > 0 ||
      ((merged.spec?.['finalizers'] as unknown[] | undefined)?.length ?? 0) > 0 ||
      (deletionGracePeriodSeconds ?? 0) > 0;
    if (deletionTimestamp && !held) {
      this.#kind(resource).delete(keyFor(key));
      return this.#commit(resource, 'DELETED', merged);
    }
    if (isDeepStrictEqual(old, merged)) return old;
    return this.#commit(resource, 'MODIFIED', merged);
  }

  #commit(resource: { group: string; plural: string }, type: Change['type'], object: Stored): Stored {
    this.#revision += 1;
    object.metadata = { ...object.metadata, resourceVersion: String(this.#revision) };
    deepFreeze(object);
    const { namespace, name } = object.metadata;
    if (type !== 'DELETED') this.#kind(resource).set(keyFor({ namespace, name: name ?? '' }), object);
    const change: Change = { plural: idOf(resource), revision: this.#revision, type, object };
    this.#history.push(change);
    for (const watcher of this.#watchers) if (watcher.plural === change.plural) watcher.push(change);
    return object;
  }
}

/** Selectors by label equality only. */
function memoryScale({ metadata, spec, status }: Stored): Stored {
  const { matchLabels = {} } = (spec?.['selector'] ?? {}) as { matchLabels?: Record<string, string> };
  const selector = Object.entries(matchLabels).map(([key, value]) => `${key}=${value}`);
  const replicas = (status as { replicas?: number } | undefined)?.replicas ?? 0;
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata,
    spec: { replicas: spec?.['replicas'] ?? 1 },
    status: { replicas, selector: selector.join(',') },
  };
}

const idOf = (r: { group: string; plural: string }): string => `${r.plural}.${r.group}`;

function gracePeriodOf(kind: string, object: Stored, asked: number | undefined): number {
  if (kind !== 'Pod') return 0;
  const phase = (object.status as { phase?: string } | undefined)?.phase;
  if (!object.spec?.['nodeName'] || phase === 'Succeeded' || phase === 'Failed') return 0;
  return asked ?? (object.spec['terminationGracePeriodSeconds'] as number | undefined) ?? 30;
}

/** Namespaces, `metadata.name`, `spec.nodeName`, and label equality: what unit tests ask for. */
function selected(object: Stored, options: ListOptions): boolean {
  if (options.namespace && object.metadata.namespace !== options.namespace) return false;
  for (const term of options.labelSelector?.split(',') ?? []) {
    const [key = '', value] = term.split('=');
    if (object.metadata.labels?.[key] !== value) return false;
  }
  for (const term of options.fieldSelector?.split(',') ?? []) {
    const [path, value] = term.split('=');
    const actual =
      path === 'metadata.name'
        ? object.metadata.name
        : path === 'spec.nodeName'
          ? object.spec?.['nodeName']
          : undefined;
    if ((actual ?? '') !== value) return false;
  }
  return true;
}

const initialEventsEnd = (
  resource: { group: string; version: string; kind: string },
  revision: number,
): KubeObject => ({
  apiVersion: apiVersionOf(resource),
  kind: resource.kind,
  metadata: {
    resourceVersion: String(revision),
    annotations: { 'k8s.io/initial-events-end': 'true' },
  },
});

function deepFreeze(value: unknown): void {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return;
  Object.freeze(value);
  for (const child of Object.values(value)) deepFreeze(child);
}
