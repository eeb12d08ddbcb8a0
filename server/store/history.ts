import { Compacted, type Entry, type StoreEvent } from '#server/store/store.ts';

/** What an event costs beside its bytes, roughly. */
const EVENT_OVERHEAD_BYTES = 256;

export interface HistoryLimits {
  readonly ageMs: number;
  readonly bytes: number;
}

/**
 * The recent past, in memory only: each byte of history on the card would be one more byte of wear, and
 * whoever asks after a restart lists again anyway. Events above `oldest` are all here, in revision order.
 */
export class History {
  readonly #limits: HistoryLimits;
  #events: { readonly event: StoreEvent; readonly at: number }[] = [];
  /** Forgotten events at the front of the array, removed in bulk. */
  #start = 0;
  #bytes = 0;
  #oldest: number;

  constructor(oldest: number, limits: HistoryLimits) {
    this.#oldest = oldest;
    this.#limits = limits;
  }

  /** The revision from which on everything is known. */
  get oldest(): number {
    return this.#oldest;
  }

  add(event: StoreEvent, now: number): void {
    this.#events.push({ event, at: now });
    this.#bytes += cost(event);
    this.trim(now);
  }

  trim(now: number): void {
    for (;;) {
      const first = this.#events[this.#start];
      if (!first) break;
      // A clock that was set back leaves `at` in the future; such events go by the byte limit.
      if (this.#bytes <= this.#limits.bytes && now - first.at <= this.#limits.ageMs) break;
      this.#shift(first.event);
    }
    this.#release();
  }

  compact(revision: number): void {
    for (;;) {
      const first = this.#events[this.#start];
      if (!first || first.event.entry.revision > revision) break;
      this.#shift(first.event);
    }
    this.#oldest = Math.max(this.#oldest, revision);
    this.#release();
  }

  /** All events above `after`, oldest first. */
  *since(after: number): Generator<StoreEvent> {
    if (after < this.#oldest) throw new Compacted(after, this.#oldest);
    for (let i = this.#firstAbove(after); i < this.#events.length; i++) {
      const item = this.#events[i];
      if (item) yield item.event;
    }
  }

  /** What the keys that changed after `revision` were at it: undefined where they did not exist. */
  statesAt(revision: number, prefix: string): Map<string, Entry | undefined> {
    const states = new Map<string, Entry | undefined>();
    for (const event of this.since(revision)) {
      const { key } = event.entry;
      if (key.startsWith(prefix) && !states.has(key)) states.set(key, event.previous);
    }
    return states;
  }

  #firstAbove(revision: number): number {
    let low = this.#start;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#events[middle]?.event.entry.revision ?? 0) <= revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #shift(event: StoreEvent): void {
    this.#start++;
    this.#bytes -= cost(event);
    this.#oldest = Math.max(this.#oldest, event.entry.revision);
  }

  #release(): void {
    if (this.#start === 0 || this.#start < this.#events.length / 4) return;
    this.#events = this.#events.slice(this.#start);
    this.#start = 0;
  }
}

const cost = (event: StoreEvent): number =>
  EVENT_OVERHEAD_BYTES + event.entry.bytes.length + (event.previous?.bytes.length ?? 0);
