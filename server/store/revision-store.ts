import type { Clock } from '#proto/meta/clock.ts';
import type { Logger } from '#proto/meta/log.ts';
import { type Change, type Group, planGroup, type Queued } from '#server/store/commit-group.ts';
import { DirtyMap } from '#server/store/dirty-map.ts';
import { History, type HistoryLimits } from '#server/store/history.ts';
import type { KeyIndex } from '#server/store/key-index.ts';
import type { Log, LogOperation } from '#server/store/log.ts';
import { DATA, META, metaValue } from '#server/store/log-keys.ts';
import { encodeRecord } from '#server/store/record.ts';
import type {
  Entry,
  RangeResult,
  Store,
  StoreEvent,
  WatchHandlers,
  WriteRequest,
} from '#server/store/store.ts';
import { WatchHub } from '#server/store/watch-hub.ts';

export interface StoreLimits {
  readonly history: HistoryLimits;
  /** The longest that a relaxed write waits for the device. */
  readonly flushMs: number;
  /** Relaxed bytes that make a flush due at once. */
  readonly flushBytes: number;
  /** Revisions reserved on the device in one go. */
  readonly block: number;
}

export const DEFAULT_LIMITS: StoreLimits = {
  history: { ageMs: 10 * 60_000, bytes: 8 * 1024 * 1024 },
  flushMs: 10 * 60_000,
  flushBytes: 1024 * 1024,
  block: 10_000,
};

export interface StoreOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly limits?: Partial<StoreLimits>;
}

/** What was found in the log at open. */
export interface Recovered {
  readonly index: KeyIndex<Entry>;
  /** Where revisions go on. */
  readonly revision: number;
}

/**
 * Revision semantics over a log.
 *
 * - Every write passes one queue. A group is what is queued when the previous group has reached the device:
 *   it gets its revisions, is written as one batch, and becomes visible as a whole. So readers never see
 *   what the device may not have, and a failed batch changes nothing that they see.
 * - Relaxed writes at the head of the queue skip the device: they are visible at once and wait in the dirty
 *   map, latest value of a key only, for the next flush. Behind a synced write they wait for it, so that
 *   revisions become visible in order.
 * - All values are in memory, the log is read at open only; history is in memory only.
 */
export class RevisionStore implements Store {
  readonly #disk: Log;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #limits: StoreLimits;
  readonly #index: KeyIndex<Entry>;
  readonly #history: History;
  readonly #hub: WatchHub;
  readonly #dirty: DirtyMap;
  readonly #closing = new AbortController();
  #revision: number;
  /** Revisions up to here are reserved on the device. */
  #reserved: number;
  #queue: Queued[] = [];
  #pumping: Promise<void> | undefined;
  /** Writes whose group is on its way to the device; relaxed writes must queue behind them. */
  #inFlight = false;
  #flushDue = false;
  #flushArmed = false;

  constructor(disk: Log, recovered: Recovered, options: StoreOptions) {
    this.#disk = disk;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#index = recovered.index;
    this.#revision = recovered.revision;
    this.#reserved = recovered.revision;
    this.#history = new History(recovered.revision, this.#limits.history);
    this.#hub = new WatchHub(options.log);
    this.#dirty = new DirtyMap();
  }

  /** Reserves the first block: from here on no power cut can make revisions go back. */
  async start(): Promise<void> {
    await this.#append([], this.#revision);
  }

  get revision(): number {
    return this.#revision;
  }

  get(key: string): Entry | undefined {
    return this.#index.get(key);
  }

  range(options: { prefix: string; revision?: number; after?: string; limit?: number }): RangeResult {
    const { prefix, after } = options;
    const revision = options.revision || this.#revision;
    let keys = this.#index.keys(prefix);
    let at = (key: string): Entry | undefined => this.#index.get(key);
    if (revision < this.#revision) {
      this.#history.trim(this.#clock.now());
      const past = this.#history.statesAt(revision, prefix);
      const now = at;
      at = (key) => (past.has(key) ? past.get(key) : now(key));
      const gone = [...past.keys()].filter((key) => !this.#index.get(key));
      keys = [...keys, ...gone].filter((key) => at(key) !== undefined);
      if (gone.length > 0) keys.sort();
    }
    if (after !== undefined) keys = keys.filter((key) => key > after);
    const cut = options.limit ? keys.slice(0, options.limit) : keys;
    const entries = cut.map((key) => at(key) as Entry);
    return { entries, revision, remaining: keys.length - cut.length };
  }

  put(request: WriteRequest): Promise<Entry> {
    return this.#write('put', request);
  }

  delete(request: WriteRequest): Promise<Entry> {
    return this.#write('delete', request);
  }

  watch(options: { prefix: string; after: number }, handlers: WatchHandlers): () => void {
    const { prefix, after } = options;
    this.#history.trim(this.#clock.now());
    return this.#hub.watch(prefix, after, this.#revision, this.#history.since(after), handlers);
  }

  compact(revision: number): void {
    this.#history.compact(Math.min(revision, this.#revision));
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort(new Error('the store is closed'));
    await this.#pumping;
    try {
      // After a clean stop the next start goes on exactly here: watches resume without listing again.
      const operations = [
        ...this.#dirty.operations(),
        { key: META.reserved, value: metaValue(this.#revision) },
      ];
      await this.#disk.append(operations, { sync: true });
    } finally {
      await this.#disk.close();
    }
  }

  #write(type: 'put' | 'delete', request: WriteRequest): Promise<Entry> {
    if (this.#closing.signal.aborted) return Promise.reject(this.#closing.signal.reason);
    return new Promise((resolve, reject) => {
      this.#queue.push({ type, request, resolve, reject });
      if (!this.#inFlight) this.#commitRelaxed();
      if (this.#queue.length > 0) this.#pump();
    });
  }

  /** Relaxed writes at the head of the queue, as long as reserved revisions last. */
  #commitRelaxed(): void {
    let count = 0;
    const room = this.#reserved - this.#revision;
    while (count < room && this.#queue[count]?.request.durability === 'relaxed') count++;
    if (count === 0) return;
    const group = this.#plan(this.#queue.splice(0, count));
    this.#publish(group);
    if (this.#dirty.bytes > this.#limits.flushBytes) this.#flush();
  }

  #flush(): void {
    this.#flushDue = true;
    this.#pump();
  }

  #pump(): void {
    this.#pumping ??= this.#run();
  }

  async #run(): Promise<void> {
    // Let everybody who writes in this turn of the loop join the first group.
    await Promise.resolve();
    try {
      while (this.#queue.length > 0 || this.#flushDue) {
        this.#commitRelaxed();
        await this.#commitGroup(this.#queue.splice(0));
      }
    } finally {
      // In the same turn as the check above: whoever writes next starts the pump again.
      this.#pumping = undefined;
    }
  }

  async #commitGroup(writes: Queued[]): Promise<void> {
    const group = this.#plan(writes);
    // Past half of the time, the dirty keys go along with a batch that is written anyway.
    const flush = this.#flushDue || this.#dirty.isOlderThan(this.#clock.now() - this.#limits.flushMs / 2);
    const dirty = flush ? this.#dirty.operations() : [];
    const snapshot = flush ? this.#dirty.snapshot() : undefined;
    this.#flushDue = false;
    if (group.changes.length + dirty.length === 0) return this.#publish(group);
    this.#inFlight = group.changes.length > 0;
    try {
      const synced = group.changes.filter((change) => change.durability === 'synced');
      await this.#append([...dirty, ...synced.map(operationOf)], group.revision);
    } catch (err) {
      this.#fail(group, err);
      return;
    } finally {
      this.#inFlight = false;
    }
    if (snapshot) this.#dirty.settle(snapshot);
    this.#publish(group);
  }

  #plan(writes: readonly Queued[]): Group {
    return planGroup(writes, this.#revision, (key) => this.#index.get(key));
  }

  async #append(operations: readonly LogOperation[], revision: number): Promise<void> {
    const reserve = revision + this.#limits.block / 10 > this.#reserved;
    const reserved = reserve ? revision + this.#limits.block : this.#reserved;
    const batch = reserve ? [...operations, { key: META.reserved, value: metaValue(reserved) }] : operations;
    await this.#disk.append(batch, { sync: true });
    this.#reserved = reserved;
  }

  /**
   * The device may have the batch nevertheless. What readers see is the truth, so it is written over the
   * failed keys at the next chance; and the revisions that were used up are not used again.
   */
  #fail(group: Group, err: unknown): void {
    this.#log.error('a write to the database failed', { writes: group.changes.length, err });
    for (const { key } of group.changes) this.#dirty.set(key, this.#index.get(key), this.#clock.now());
    this.#revision = Math.max(this.#revision, Math.min(group.revision, this.#reserved));
    this.#dirty.expire();
    this.#armFlush();
    for (const settle of group.failed) settle(err);
  }

  #publish(group: Group): void {
    this.#revision = Math.max(this.#revision, group.revision);
    const now = this.#clock.now();
    const events: StoreEvent[] = [];
    for (const { type, key, entry, previous, stored, durability } of group.changes) {
      if (durability === 'synced') this.#dirty.delete(key);
      else this.#dirty.set(key, stored, now);
      if (type === 'put') this.#index.set(key, entry);
      else this.#index.delete(key);
      const event: StoreEvent =
        type === 'put' ? { type, entry, previous } : { type, entry, previous: previous as Entry };
      events.push(event);
      this.#history.add(event, now);
    }
    // Writers first: they continue in microtasks, so after the watchers, who are called in this turn.
    for (const settle of group.done) settle();
    this.#armFlush();
    this.#hub.publish(events);
  }

  #armFlush(): void {
    if (this.#flushArmed || this.#dirty.size === 0) return;
    this.#flushArmed = true;
    this.#clock.sleep(this.#limits.flushMs, this.#closing.signal).then(
      () => {
        this.#flushArmed = false;
        if (this.#dirty.size > 0) this.#flush();
      },
      () => {},
    );
  }
}

const operationOf = ({ key, stored }: Change): LogOperation => ({
  key: DATA + key,
  value: stored && encodeRecord(key, stored.revision, stored.bytes),
});
