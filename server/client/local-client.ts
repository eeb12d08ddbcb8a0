import type { Resource } from '#proto/api/resource.ts';
import { groupResourceOf } from '#proto/api/resource.ts';
import type { KubeObject, ObjectKey, ObjectList } from '#proto/meta/object.ts';
import { internalError, methodNotAllowed, StatusError } from '#proto/meta/status-error.ts';
import type { DeleteOptions, Status } from '#proto/schema/generated/meta-v1.ts';
import type { UserInfo } from '#server/apiserver/authn/authenticator.ts';
import type { Api, Call } from '#server/apiserver/rest/api.ts';
import { presentEntry } from '#server/apiserver/rest/conversion.ts';
import { createObject } from '#server/apiserver/rest/create.ts';
import { deleteObject } from '#server/apiserver/rest/delete.ts';
import { objectOf } from '#server/apiserver/rest/entries.ts';
import { listEntries } from '#server/apiserver/rest/list.ts';
import { patchObject } from '#server/apiserver/rest/patch.ts';
import { replaceObject } from '#server/apiserver/rest/update.ts';
import { openWatch } from '#server/apiserver/rest/watch.ts';
import { readEntry } from '#server/apiserver/rest/write.ts';
import { getScale } from '#server/apiserver/subresources/scale.ts';
import type { SubresourceHandlers } from '#server/apiserver/subresources/subresources.ts';
import type {
  ApiClient,
  ListOptions,
  PatchType,
  ReadOptions,
  WatchEvent,
  WatchOptions,
  WriteOptions,
} from '#server/client/client.ts';

/** Waiting events beyond this say that the reader is stuck: its watch ends and it lists again. */
const MAX_WAITING = 10_000;

/**
 * The API for parts of the server itself: the same handlers, admission and validation as over HTTPS, without
 * JSON on reads. There is no authorization: this code could reach the store as well, so a check of it would
 * only cost; `user` says in whose name writes are admitted and recorded.
 */
export function createLocalClient(api: Api, subresources: SubresourceHandlers, user: UserInfo): ApiClient {
  return new LocalClient(api, subresources, user);
}

class LocalClient implements ApiClient {
  readonly #api: Api;
  readonly #subresources: SubresourceHandlers;
  readonly #user: UserInfo;

  constructor(api: Api, subresources: SubresourceHandlers, user: UserInfo) {
    this.#api = api;
    this.#subresources = subresources;
    this.#user = user;
  }

  async get<T extends KubeObject>(
    resource: Resource<T>,
    key: ObjectKey,
    options: ReadOptions = {},
  ): Promise<T> {
    const call = this.#call(resource, key);
    if (options.subresource === 'scale') return (await getScale(this.#api, call)) as KubeObject as T;
    const virtual = this.#subresources.getVirtual(call);
    return objectOf(virtual ?? presentEntry(resource, await readEntry(this.#api, call))) as T;
  }

  async list<T extends KubeObject>(resource: Resource<T>, options: ListOptions = {}): Promise<ObjectList<T>> {
    this.#requireServed(resource);
    const { namespace } = options;
    const page =
      this.#subresources.listVirtual({ resource, namespace }, options) ??
      (await listEntries(this.#api, resource, namespace, options));
    return {
      metadata: {
        resourceVersion: String(page.revision),
        ...(page.continue ? { continue: page.continue } : {}),
        ...(page.remainingItemCount === undefined ? {} : { remainingItemCount: page.remainingItemCount }),
      },
      items: page.entries.map((entry) => objectOf(entry) as T),
    };
  }

  async *watch<T extends KubeObject>(
    resource: Resource<T>,
    options: WatchOptions,
  ): AsyncIterable<WatchEvent<T>> {
    const { signal, timeoutSeconds } = options;
    const waiting: WatchEvent<T>[] = [];
    let wake: () => void = () => {};
    let over = signal?.aborted ?? false;
    // As over, once what waits has been told.
    let ending = false;
    const push = (event: WatchEvent<T>): void => {
      waiting.push(event);
      if (waiting.length > MAX_WAITING) over = true;
      wake();
    };
    const end = (): void => {
      over = true;
      wake();
    };
    let opened: ReturnType<typeof openWatch>;
    try {
      this.#requireServed(resource);
      opened = openWatch(this.#api, resource, options.namespace, options, {
        event: (type, entry) => push({ type, object: objectOf(entry) as T }),
        bookmark: (revision, initialEnd) =>
          push({ type: 'BOOKMARK', object: bookmarkOf(revision, initialEnd) as T }),
        end: (error) => {
          if (error !== undefined) push({ type: 'ERROR', object: statusOf(error) });
          ending = true;
          wake();
        },
      });
    } catch (err) {
      yield { type: 'ERROR', object: statusOf(err) };
      return;
    }
    const timer = timeoutSeconds ? setTimeout(end, timeoutSeconds * 1000) : undefined;
    signal?.addEventListener('abort', end, { once: true });
    try {
      while (!over) {
        const event = waiting.shift();
        if (event) yield event;
        else if (ending) return;
        else {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      }
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      opened.stop();
    }
  }

  async create<T extends KubeObject>(resource: Resource<T>, object: T, options?: WriteOptions): Promise<T> {
    const { namespace } = object.metadata;
    const call = this.#call(resource, { namespace, name: '' }, options);
    const made = await this.#subresources.review(this.#api, call, own(object));
    return (made ?? objectOf(await createObject(this.#api, call, own(object)))) as T;
  }

  async update<T extends KubeObject>(resource: Resource<T>, object: T, options?: WriteOptions): Promise<T> {
    const { namespace, name = '' } = object.metadata;
    const call = this.#call(resource, { namespace, name }, options);
    const changed = await this.#subresources.put(this.#api, call, own(object));
    return (changed ?? objectOf((await replaceObject(this.#api, call, own(object))).entry)) as T;
  }

  async patch<T extends KubeObject>(
    resource: Resource<T>,
    key: ObjectKey,
    type: PatchType,
    body: unknown,
    options?: WriteOptions & { readonly force?: boolean },
  ): Promise<T> {
    const { entry } = await patchObject(this.#api, this.#call(resource, key, options), {
      type,
      patch: structuredClone(body),
      validation: 'Ignore',
      force: options?.force ?? false,
    });
    return objectOf(entry) as T;
  }

  async delete<T extends KubeObject>(
    resource: Resource<T>,
    key: ObjectKey,
    options: DeleteOptions = {},
  ): Promise<void> {
    const dryRun = (options.dryRun ?? []).length > 0;
    await deleteObject(this.#api, this.#call(resource, key, { dryRun }), options);
  }

  async post<T extends KubeObject, B, R>(
    resource: Resource<T>,
    key: ObjectKey,
    subresource: string,
    body: B,
  ): Promise<R> {
    const call = this.#call(resource, key, { subresource });
    const answer = await this.#subresources.post(this.#api, call, structuredClone(body) as KubeObject);
    if (!answer) throw methodNotAllowed(groupResourceOf(resource), 'create');
    return answer as R;
  }

  /** A custom kind may have gone while somebody still has its descriptor. */
  #requireServed(resource: Resource): void {
    const { group, version, plural } = resource;
    if (this.#api.resources.find(group, version, plural) || this.#api.custom.of(resource)) return;
    throw new StatusError('NotFound', 'the server could not find the requested resource');
  }

  #call(resource: Resource, key: ObjectKey, options: WriteOptions = {}): Call {
    this.#requireServed(resource);
    return {
      resource,
      namespace: resource.namespaced ? key.namespace : undefined,
      name: key.name,
      subresource: options.subresource,
      user: this.#user,
      dryRun: options.dryRun ?? false,
      // As upstream's programs are called in managedFields: `kube-controller-manager`, `kube-scheduler`.
      manager: options.fieldManager ?? this.#user.name.replace(/^system:/, ''),
      warn: () => {},
    };
  }
}

const statusOf = (err: unknown): Status => (err instanceof StatusError ? err : internalError(err)).toStatus();

/** A private copy, as a decoded body would be. */
const own = (object: KubeObject): KubeObject => structuredClone(object);

const bookmarkOf = (revision: number, initialEnd: boolean): KubeObject => ({
  metadata: {
    resourceVersion: String(revision),
    ...(initialEnd ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {}),
  },
});
