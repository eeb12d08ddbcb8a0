import type { Clock } from '#proto/meta/clock.ts';

const FIRST_MS = 1000;
const MAX_MS = 15 * 60_000;

/**
 * How long a set waits before it deletes the next failed Pod of one node: doubling from a second up to a
 * quarter of an hour, forgotten after twice that. In memory alone: a restarted server begins anew.
 */
export class FailedPodBackoff {
  readonly #clock: Clock;
  readonly #entries = new Map<string, { delayMs: number; since: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** What is left of the wait; 0: go ahead. */
  remainingMs(key: string): number {
    const entry = this.#entries.get(key);
    return entry ? Math.max(0, entry.since + entry.delayMs - this.#clock.now()) : 0;
  }

  failed(key: string): void {
    const now = this.#clock.now();
    for (const [one, { since }] of this.#entries) if (now - since > 2 * MAX_MS) this.#entries.delete(one);
    const last = this.#entries.get(key)?.delayMs;
    this.#entries.set(key, { delayMs: last ? Math.min(2 * last, MAX_MS) : FIRST_MS, since: now });
  }
}
