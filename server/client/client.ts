import type { Resource } from '#proto/api/resource.ts';
import type { KubeObject, ObjectKey, ObjectList } from '#proto/meta/object.ts';
import type { DeleteOptions, Status } from '#proto/schema/generated/meta-v1.ts';

export interface ReadOptions {
  readonly resourceVersion?: string;
  /** `scale`: what is read then is a Scale. */
  readonly subresource?: string;
  readonly signal?: AbortSignal;
}

export interface ListOptions extends ReadOptions {
  /** Absent: all namespaces. */
  readonly namespace?: string | undefined;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly limit?: number;
  readonly continue?: string;
  readonly resourceVersionMatch?: 'Exact' | 'NotOlderThan';
}

export interface WatchOptions extends ListOptions {
  readonly allowWatchBookmarks?: boolean;
  /** KEP-3157: begin with ADDED for what exists, then a BOOKMARK annotated `k8s.io/initial-events-end`. */
  readonly sendInitialEvents?: boolean;
  readonly timeoutSeconds?: number;
}

export interface WriteOptions {
  readonly subresource?: string;
  readonly fieldManager?: string;
  readonly dryRun?: boolean;
  readonly signal?: AbortSignal;
}

export type WatchEvent<T extends KubeObject> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK'; readonly object: T }
  | { readonly type: 'ERROR'; readonly object: Status };

/** The patch types of the API: RFC 6902, RFC 7386, Kubernetes' strategic merge, server-side apply. */
export type PatchType = 'json' | 'merge' | 'strategic' | 'apply';

/**
 * The API as controllers, the scheduler and the server's own parts see it: in process by default, over HTTPS
 * when the operator splits them. Every call rejects with a `StatusError`. What it returns is shared with
 * other readers: never mutate it, `structuredClone` first.
 */
export interface ApiClient {
  get<T extends KubeObject>(resource: Resource<T>, key: ObjectKey, options?: ReadOptions): Promise<T>;
  list<T extends KubeObject>(resource: Resource<T>, options?: ListOptions): Promise<ObjectList<T>>;
  /** Ends when the signal aborts or the server closes; an ERROR event (410, say) is yielded, then it ends. */
  watch<T extends KubeObject>(resource: Resource<T>, options: WatchOptions): AsyncIterable<WatchEvent<T>>;
  create<T extends KubeObject>(resource: Resource<T>, object: T, options?: WriteOptions): Promise<T>;
  /** `metadata.resourceVersion`, where set, must match (409 otherwise). `subresource: 'status'` writes status only. */
  update<T extends KubeObject>(resource: Resource<T>, object: T, options?: WriteOptions): Promise<T>;
  patch<T extends KubeObject>(
    resource: Resource<T>,
    key: ObjectKey,
    type: PatchType,
    body: unknown,
    options?: WriteOptions & { readonly force?: boolean },
  ): Promise<T>;
  delete<T extends KubeObject>(resource: Resource<T>, key: ObjectKey, options?: DeleteOptions): Promise<void>;
  /** POST to a subresource that creates something else: `binding`, `eviction`, `token`. */
  post<T extends KubeObject, B, R>(
    resource: Resource<T>,
    key: ObjectKey,
    subresource: string,
    body: B,
  ): Promise<R>;
}
