import type { Logger } from '#proto/meta/log.ts';
import { bucketOf, isBucketed } from '#server/store/key-index.ts';
import type { StoreEvent, WatchHandlers } from '#server/store/store.ts';

interface Watcher {
  readonly prefix: string;
  readonly handlers: WatchHandlers;
  /** Everything at and below was delivered: what makes backfill, cutover and live free of duplicates. */
  cursor: number;
}

/**
 * Hands events to those who watch their prefix, found by resource: with 500 watches an event touches a few of
 * them. Events go out one after the other even where a handler writes, so that all see the same order. A
 * handler that throws is logged and harms nobody else.
 */
export class WatchHub {
  readonly #log: Logger;
  readonly #byBucket = new Map<string, Set<Watcher>>();
  readonly #wide = new Set<Watcher>();
  readonly #progress = new Set<Watcher>();
  #queue: StoreEvent[] = [];
  #delivering = false;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** `backfill` holds every event above `after` up to `revision`, for all prefixes. */
  watch(
    prefix: string,
    after: number,
    revision: number,
    backfill: Iterable<StoreEvent>,
    handlers: WatchHandlers,
  ): () => void {
    const watcher: Watcher = { prefix, handlers, cursor: after };
    let ended = false;
    const past = [...backfill];
    // Registered first: what a handler writes during the backfill comes after it, once it has been delivered.
    const end = this.#register(watcher);
    const outermost = !this.#delivering;
    this.#delivering = true;
    for (const event of past) {
      if (ended) break;
      if (event.entry.key.startsWith(prefix)) this.#deliver(watcher, event);
    }
    watcher.cursor = Math.max(after, revision);
    if (outermost) {
      this.#delivering = false;
      this.#drain();
    }
    return () => {
      ended = true;
      end();
    };
  }

  /** Events in revision order. */
  publish(events: readonly StoreEvent[]): void {
    this.#queue.push(...events);
    this.#drain();
  }

  #register(watcher: Watcher): () => void {
    const bucket = isBucketed(watcher.prefix) ? bucketOf(watcher.prefix) : undefined;
    let set = this.#wide;
    if (bucket !== undefined) {
      set = this.#byBucket.get(bucket) ?? new Set();
      this.#byBucket.set(bucket, set);
    }
    set.add(watcher);
    if (watcher.handlers.onProgress) this.#progress.add(watcher);
    return () => {
      set.delete(watcher);
      this.#progress.delete(watcher);
      if (bucket !== undefined && set.size === 0 && this.#byBucket.get(bucket) === set) {
        this.#byBucket.delete(bucket);
      }
    };
  }

  #drain(): void {
    if (this.#delivering || this.#queue.length === 0) return;
    this.#delivering = true;
    let revision = 0;
    // The array grows while handlers write.
    for (let i = 0; i < this.#queue.length; i++) {
      const event = this.#queue[i] as StoreEvent;
      revision = event.entry.revision;
      for (const watcher of this.#byBucket.get(bucketOf(event.entry.key)) ?? []) this.#offer(watcher, event);
      for (const watcher of this.#wide) this.#offer(watcher, event);
    }
    this.#queue = [];
    this.#delivering = false;
    for (const watcher of this.#progress) this.#report(watcher, revision);
    // What a handler wrote while it was told of progress.
    this.#drain();
  }

  #offer(watcher: Watcher, event: StoreEvent): void {
    if (event.entry.revision <= watcher.cursor || !event.entry.key.startsWith(watcher.prefix)) return;
    this.#deliver(watcher, event);
  }

  #deliver(watcher: Watcher, event: StoreEvent): void {
    watcher.cursor = event.entry.revision;
    try {
      watcher.handlers.onEvent(event);
    } catch (err) {
      this.#log.error('a watch handler failed', { prefix: watcher.prefix, key: event.entry.key, err });
    }
  }

  #report(watcher: Watcher, revision: number): void {
    if (revision < watcher.cursor) return;
    watcher.cursor = revision;
    try {
      watcher.handlers.onProgress?.(revision);
    } catch (err) {
      this.#log.error('a watch handler failed', { prefix: watcher.prefix, err });
    }
  }
}
