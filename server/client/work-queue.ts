import type { Clock } from '#proto/meta/clock.ts';
import type { Logger } from '#proto/meta/log.ts';
import { isConflict } from '#proto/meta/status-error.ts';
import type { BackoffOptions } from '#server/client/backoff.ts';
import { backoffMs } from '#server/client/backoff.ts';

/** Done, or: look at this key again after a while. */
// biome-ignore lint/suspicious/noConfusingVoidType: a reconciler that simply returns is done.
export type Outcome = void | { readonly requeueAfterMs: number };

export interface WorkQueueOptions {
  /** In log lines. */
  readonly name: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Throws to be called again after a back-off. */
  readonly reconcile: (key: string, signal: AbortSignal) => Promise<Outcome> | Outcome;
  readonly workers?: number;
  readonly backoff?: BackoffOptions;
  readonly rng?: () => number;
  /** Who counts what happens here. */
  readonly observe?: (length: () => number) => QueueObserver;
}

/** What a queue tells about itself. */
export interface QueueObserver {
  added(): void;
  retried(): void;
  worked(seconds: number): void;
}

/** Timers overflow at 2^31 ms; waking early just arms again. */
const MAX_SLEEP_MS = 24 * 3600 * 1000;
const BACKOFF: BackoffOptions = { baseMs: 20, maxMs: 60_000 };

/**
 * Keys to reconcile. A key waits at most once; it is worked on by one worker at a time, and one that is added
 * while being worked on runs once more afterwards. A failure comes back with exponential back-off and jitter,
 * and success forgets it. One timer serves all delays. Keys may be added before `start`.
 */
export class WorkQueue {
  readonly #options: WorkQueueOptions;
  /** Insertion order is the order of work. */
  readonly #ready = new Set<string>();
  readonly #active = new Set<string>();
  readonly #failures = new Map<string, number>();
  readonly #delayed = new Map<string, number>();
  readonly #idle = new Set<() => void>();
  readonly #observer: QueueObserver | undefined;
  #timer: AbortController | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  #signal: AbortSignal | undefined;

  constructor(options: WorkQueueOptions) {
    this.#options = options;
    this.#observer = options.observe?.(() => this.length);
  }

  /** Waiting keys, without delayed and active ones. */
  get length(): number {
    return this.#ready.size;
  }

  add(key: string): void {
    this.#observer?.added();
    this.#ready.add(key);
    this.#dispatch();
  }

  /** Adds the key after `ms`; an earlier date that is already set stays. */
  addAfter(key: string, ms: number): void {
    if (ms <= 0) {
      this.add(key);
      return;
    }
    const at = this.#options.clock.now() + ms;
    const planned = this.#delayed.get(key);
    if (planned !== undefined && planned <= at) return;
    this.#delayed.set(key, at);
    if (this.#signal) this.#arm();
  }

  start(signal: AbortSignal): void {
    if (this.#signal) return;
    this.#signal = signal;
    signal.addEventListener(
      'abort',
      () => {
        this.#timer?.abort();
        this.#wakeIdle();
      },
      { once: true },
    );
    this.#arm();
    this.#dispatch();
  }

  /** Resolves when nothing is ready or active. Delayed keys do not count. */
  whenIdle(): Promise<void> {
    if (this.#ready.size === 0 && this.#active.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.add(resolve));
  }

  #dispatch(): void {
    const signal = this.#signal;
    if (!signal || signal.aborted) return;
    const workers = this.#options.workers ?? 1;
    for (const key of this.#ready) {
      if (this.#active.size >= workers) return;
      if (this.#active.has(key)) continue;
      this.#ready.delete(key);
      this.#active.add(key);
      void this.#work(key, signal);
    }
  }

  async #work(key: string, signal: AbortSignal): Promise<void> {
    const { log, name, reconcile, rng = Math.random, backoff = BACKOFF } = this.#options;
    const since = performance.now();
    try {
      // A turn of its own: `add` never runs a reconciler inside the caller's stack.
      await Promise.resolve();
      const outcome = await reconcile(key, signal);
      this.#failures.delete(key);
      if (outcome) this.addAfter(key, outcome.requeueAfterMs);
    } catch (err) {
      if (!signal.aborted) {
        const failures = this.#failures.get(key) ?? 0;
        this.#failures.set(key, failures + 1);
        this.#observer?.retried();
        const delayMs = backoffMs(failures, backoff, rng);
        // A conflict means that somebody was faster and an event is under way: no news for anybody.
        const level = isConflict(err) ? 'debug' : 'warn';
        log[level]('reconcile failed, will retry', { queue: name, key, err, delayMs: Math.round(delayMs) });
        this.addAfter(key, delayMs);
      }
    } finally {
      this.#active.delete(key);
      this.#observer?.worked((performance.now() - since) / 1000);
      this.#dispatch();
      if (this.#ready.size === 0 && this.#active.size === 0) this.#wakeIdle();
    }
  }

  #wakeIdle(): void {
    for (const wake of this.#idle) wake();
    this.#idle.clear();
  }

  #arm(): void {
    let next = Number.POSITIVE_INFINITY;
    for (const at of this.#delayed.values()) if (at < next) next = at;
    if (next >= this.#timerAt || this.#signal?.aborted) return;
    this.#timer?.abort();
    const timer = new AbortController();
    this.#timer = timer;
    this.#timerAt = next;
    const ms = Math.min(Math.max(0, next - this.#options.clock.now()), MAX_SLEEP_MS);
    this.#options.clock.sleep(ms, timer.signal).then(
      () => this.#release(),
      () => {},
    );
  }

  #release(): void {
    const now = this.#options.clock.now();
    this.#timer = undefined;
    this.#timerAt = Number.POSITIVE_INFINITY;
    for (const [key, at] of this.#delayed) {
      if (at > now) continue;
      this.#delayed.delete(key);
      this.#ready.add(key);
    }
    this.#dispatch();
    this.#arm();
  }
}
