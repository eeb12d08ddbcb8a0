import type { Durability } from '#proto/api/resource.ts';

/**
 * One stored object at one revision. `bytes` is its JSON, made once and shared by GET, LIST and every watcher;
 * `object` parses it on first use and is shared too: never mutate it.
 */
export interface Entry {
  readonly key: string;
  /** The revision that wrote it: `metadata.resourceVersion`. */
  readonly revision: number;
  readonly bytes: Uint8Array;
  readonly object: unknown;
}

export type StoreEvent =
  | { readonly type: 'put'; readonly entry: Entry; readonly previous: Entry | undefined }
  /** `entry` is the last state with the revision of the deletion. */
  | { readonly type: 'delete'; readonly entry: Entry; readonly previous: Entry };

export interface RangeResult {
  readonly entries: readonly Entry[];
  /** The revision that the whole answer is true for. */
  readonly revision: number;
  /** Keys behind the last entry, when `limit` cut the answer. */
  readonly remaining: number;
}

export interface WriteRequest {
  readonly key: string;
  /** Compare-and-swap: 0 = must not exist, n = must be at that revision, undefined = whatever is there. */
  readonly expected?: number | undefined;
  /** Called with the revision of this write; gives the bytes that are stored. For a delete: the last state. */
  readonly encode: (revision: number) => Uint8Array;
  readonly durability: Durability;
}

/** Thrown (rejected) when `expected` does not hold. `actual` is 0 where nothing is stored. */
export class RevisionMismatch extends Error {
  readonly actual: number;
  constructor(key: string, actual: number) {
    super(`${key} is at revision ${actual}`);
    this.name = 'RevisionMismatch';
    this.actual = actual;
  }
}

/** Asked for a revision that was compacted away (HTTP 410) . */
export class Compacted extends Error {
  readonly oldest: number;
  constructor(revision: number, oldest: number) {
    super(`revision ${revision} has been compacted, the oldest is ${oldest}`);
    this.name = 'Compacted';
    this.oldest = oldest;
  }
}

export interface WatchHandlers {
  /** Called in revision order, never while the store is mid-write. */
  readonly onEvent: (event: StoreEvent) => void;
  /** The store's revision moved past `revision` and nothing under the prefix is missing below it. */
  readonly onProgress?: (revision: number) => void;
}

/**
 * Revision semantics over a log: one monotonic integer revision for the whole store. A synced write resolves
 * after the disk has it; a relaxed one at once. Reads see committed writes only, and a client that has an
 * answer sees its own write.
 */
export interface Store {
  /** The newest revision that readers may see. */
  readonly revision: number;
  get(key: string): Entry | undefined;
  /** At `revision` (0 or absent: now) rejects with {@link Compacted}. Keys are in byte order, `after` is exclusive. */
  range(options: { prefix: string; revision?: number; after?: string; limit?: number }): RangeResult;
  put(request: WriteRequest): Promise<Entry>;
  delete(request: WriteRequest): Promise<Entry>;
  /**
   * Events with a revision above `after`, from history first, then live, without a gap. Throws
   * {@link Compacted}. Returns the function that ends it.
   */
  watch(options: { prefix: string; after: number }, handlers: WatchHandlers): () => void;
  /** Forgets history at and below `revision`. */
  compact(revision: number): void;
  /** Flushes what is relaxed and closes the log. */
  close(): Promise<void>;
}
