import type { Resource } from '#proto/api/resource.ts';
import type { KubeObject, ObjectKey, ObjectList } from '#proto/meta/object.ts';
import { internalError } from '#proto/meta/status-error.ts';
import type { DeleteOptions } from '#proto/schema/generated/meta-v1.ts';
import type {
  ApiClient,
  ListOptions,
  PatchType,
  ReadOptions,
  WatchEvent,
  WatchOptions,
  WriteOptions,
} from '#server/client/client.ts';

/**
 * An API whose writes fail at random: before anything is done, or after it is done, with the answer lost. `calm` ends
 * that. Reads and watches always work.
 */
export class FlakyClient implements ApiClient {
  calm = false;
  readonly #api: ApiClient;
  readonly #rng: () => number;

  constructor(api: ApiClient, rng: () => number) {
    this.#api = api;
    this.#rng = rng;
  }

  get<T extends KubeObject>(resource: Resource<T>, key: ObjectKey, options?: ReadOptions): Promise<T> {
    return this.#api.get(resource, key, options);
  }

  list<T extends KubeObject>(resource: Resource<T>, options?: ListOptions): Promise<ObjectList<T>> {
    return this.#api.list(resource, options);
  }

  watch<T extends KubeObject>(resource: Resource<T>, options: WatchOptions): AsyncIterable<WatchEvent<T>> {
    return this.#api.watch(resource, options);
  }

  create<T extends KubeObject>(resource: Resource<T>, object: T, options?: WriteOptions): Promise<T> {
    return this.#perhaps(() => this.#api.create(resource, object, options));
  }

  update<T extends KubeObject>(resource: Resource<T>, object: T, options?: WriteOptions): Promise<T> {
    return this.#perhaps(() => this.#api.update(resource, object, options));
  }

  patch<T extends KubeObject>(
    resource: Resource<T>,
    key: ObjectKey,
    type: PatchType,
    body: unknown,
    options?: WriteOptions,
  ): Promise<T> {
    return this.#perhaps(() => this.#api.patch(resource, key, type, body, options));
  }

  delete<T extends KubeObject>(
    resource: Resource<T>,
    key: ObjectKey,
    options?: DeleteOptions,
  ): Promise<void> {
    return this.#perhaps(() => this.#api.delete(resource, key, options));
  }

  post<T extends KubeObject, B, R>(resource: Resource<T>, key: ObjectKey, sub: string, body: B): Promise<R> {
    return this.#perhaps(() => this.#api.post(resource, key, sub, body));
  }

  async #perhaps<R>(call: () => Promise<R>): Promise<R> {
    const luck = this.calm ? 1 : this.#rng();
    if (luck < 0.06) throw internalError('no luck');
    const result = await call();
    if (luck < 0.12) throw internalError('done, but the answer is lost');
    return result;
  }
}
