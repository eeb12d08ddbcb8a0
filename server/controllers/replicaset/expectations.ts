import type { Clock } from '#proto/meta/clock.ts';

interface Expected {
  creates: number;
  readonly deletes: Set<string>;
  readonly since: number;
}

/** After this long an expectation is given up: better a pod too many than a workload that stands still. */
const EXPIRE_MS = 5 * 60_000;

/**
 * What a workload has asked for and its cache has not shown yet. While anything is open, replicas are not
 * counted: a cache that lags behind would have pods made twice.
 */
export class Expectations {
  readonly #clock: Clock;
  readonly #open = new Map<string, Expected>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  satisfied(key: string): boolean {
    const expected = this.#open.get(key);
    if (!expected) return true;
    const done = expected.creates <= 0 && expected.deletes.size === 0;
    if (!done && this.#clock.now() - expected.since < EXPIRE_MS) return false;
    this.#open.delete(key);
    return true;
  }

  expectCreates(key: string, creates: number): void {
    this.expect(key, creates, []);
  }

  expectDeletes(key: string, uids: Iterable<string>): void {
    this.expect(key, 0, uids);
  }

  /** Both in one round. */
  expect(key: string, creates: number, uids: Iterable<string>): void {
    this.#open.set(key, { creates, deletes: new Set(uids), since: this.#clock.now() });
  }

  /** Seen in the cache, or failed, or never tried. */
  created(key: string, count = 1): void {
    const expected = this.#open.get(key);
    if (expected) expected.creates -= count;
  }

  deleted(key: string, uid: string): void {
    this.#open.get(key)?.deletes.delete(uid);
  }

  /** Deleted by us, though the cache still shows it. */
  isDeleted(key: string, uid: string): boolean {
    return this.#open.get(key)?.deletes.has(uid) ?? false;
  }

  forget(key: string): void {
    this.#open.delete(key);
  }
}
