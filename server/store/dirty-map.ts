import type { LogOperation } from '#server/store/log.ts';
import { DATA } from '#server/store/log-keys.ts';
import { encodeRecord } from '#server/store/record.ts';
import type { Entry } from '#server/store/store.ts';

/** What is visible and not yet on the device: the latest state of each key, undefined for deleted ones. */
export class DirtyMap {
  readonly #entries = new Map<string, { readonly entry: Entry | undefined }>();
  #bytes = 0;
  #since = 0;

  get size(): number {
    return this.#entries.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  set(key: string, entry: Entry | undefined, now: number): void {
    this.delete(key);
    if (this.#entries.size === 0) this.#since = now;
    this.#entries.set(key, { entry });
    this.#bytes += cost(key, entry);
  }

  delete(key: string): void {
    const old = this.#entries.get(key);
    if (!old) return;
    this.#entries.delete(key);
    this.#bytes -= cost(key, old.entry);
  }

  /** Has something waited since before `time`? */
  isOlderThan(time: number): boolean {
    return this.#entries.size > 0 && this.#since < time;
  }

  /** Makes all of it old: the next batch takes it along. */
  expire(): void {
    this.#since = Number.NEGATIVE_INFINITY;
  }

  operations(): LogOperation[] {
    return [...this.#entries].map(([key, { entry }]) => ({
      key: DATA + key,
      value: entry && encodeRecord(key, entry.revision, entry.bytes),
    }));
  }

  snapshot(): ReadonlyMap<string, object> {
    return new Map(this.#entries);
  }

  /** The snapshot is on the device: drops what has not changed since. */
  settle(snapshot: ReadonlyMap<string, object>): void {
    for (const [key, state] of snapshot) if (this.#entries.get(key) === state) this.delete(key);
  }
}

const cost = (key: string, entry: Entry | undefined): number => key.length + (entry?.bytes.length ?? 0) + 64;
