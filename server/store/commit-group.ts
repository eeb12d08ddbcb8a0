import type { Durability } from '#proto/api/resource.ts';
import { StoredEntry } from '#server/store/entry.ts';
import { type Entry, RevisionMismatch, type WriteRequest } from '#server/store/store.ts';

/** One write that waits for its group. */
export interface Queued {
  readonly type: 'put' | 'delete';
  readonly request: WriteRequest;
  readonly resolve: (entry: Entry) => void;
  readonly reject: (err: unknown) => void;
}

export interface Change {
  readonly type: 'put' | 'delete';
  readonly key: string;
  /** For a delete: the last state at the revision of the deletion. */
  readonly entry: Entry;
  readonly previous: Entry | undefined;
  /** What is left under the key: undefined for a delete. */
  readonly stored: Entry | undefined;
  readonly durability: Durability;
}

/** A batch before it is written: what changes, and how everybody learns the outcome. */
export interface Group {
  readonly changes: readonly Change[];
  /** The revision of the last change, or the one before where nothing changes. */
  readonly revision: number;
  readonly done: readonly (() => void)[];
  readonly failed: readonly ((err: unknown) => void)[];
}

/**
 * Gives each write of a group its revision and checks compare-and-swap in order, each write seeing those
 * before it. A mismatch is an outcome too, and waits for the batch: it may be due to a write that fails.
 */
export function planGroup(
  writes: readonly Queued[],
  revision: number,
  committed: (key: string) => Entry | undefined,
): Group {
  const pending = new Map<string, Entry | undefined>();
  const changes: Change[] = [];
  const done: (() => void)[] = [];
  const failed: ((err: unknown) => void)[] = [];
  let last = revision;
  for (const { type, request, resolve, reject } of writes) {
    const { key, expected } = request;
    failed.push(reject);
    const previous = pending.has(key) ? pending.get(key) : committed(key);
    const actual = previous?.revision ?? 0;
    if ((expected !== undefined && expected !== actual) || (type === 'delete' && !previous)) {
      done.push(() => reject(new RevisionMismatch(key, actual)));
      continue;
    }
    let entry: Entry;
    try {
      entry = new StoredEntry(key, last + 1, request.encode(last + 1));
    } catch (err) {
      done.push(() => reject(err));
      continue;
    }
    last++;
    const stored = type === 'put' ? entry : undefined;
    pending.set(key, stored);
    changes.push({ type, key, entry, previous, stored, durability: request.durability });
    done.push(() => resolve(entry));
  }
  return { changes, revision: last, done, failed };
}
