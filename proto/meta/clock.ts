/** Time as an argument: plans get `now`, shells get a clock, tests a fake one. */
export interface Clock {
  /** Epoch milliseconds. */
  now(): number;
  /** Milliseconds that only go up: for how long something took, whatever is done to the clock meanwhile. */
  uptimeMs(): number;
  /** How long `stampMs`, a time that this clock gave, is ago; what the clock skipped when it was set is not counted. */
  since(stampMs: number): number;
  /** Resolves after `ms`, or rejects with the signal's reason. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** A stretch of time in which the clock was not set. */
interface Era {
  readonly fromMs: number;
  lastMs: number;
  lastUptimeMs: number;
}

/** The clock moved by more than this against what only goes up: it was set. What is less is a clock being trimmed. */
const JUMP_MS = 60_000;

/**
 * The machine's clock, which may begin in 1970 and be set at any time. It notices that when somebody asks it: nothing runs
 * for it alone.
 */
export class SystemClock implements Clock {
  readonly #wall: () => number;
  readonly #uptime: () => number;
  readonly #eras: Era[];
  readonly #listeners = new Set<(byMs: number) => void>();

  constructor(wall: () => number = Date.now, uptime: () => number = () => performance.now()) {
    this.#wall = wall;
    this.#uptime = uptime;
    this.#eras = [this.#begin()];
  }

  now(): number {
    const now = this.#wall();
    const uptimeMs = this.#uptime();
    const era = this.#eras.at(-1) ?? this.#begin();
    const byMs = now - (era.lastMs + uptimeMs - era.lastUptimeMs);
    if (Math.abs(byMs) < JUMP_MS) {
      era.lastMs = now;
      era.lastUptimeMs = uptimeMs;
      return now;
    }
    era.lastMs += uptimeMs - era.lastUptimeMs;
    this.#eras.push(this.#begin());
    for (const listener of [...this.#listeners]) listener(byMs);
    return now;
  }

  uptimeMs(): number {
    return this.#uptime();
  }

  since(stampMs: number): number {
    let elapsedMs = this.now() - stampMs;
    // From the newest: a stamp that fits two of them is taken for the later, which counts less as skipped.
    for (let i = this.#eras.length - 1; i >= 0; i--) {
      const era = this.#eras[i];
      if (!era || (stampMs >= era.fromMs && stampMs <= era.lastMs)) return elapsedMs;
      const before = this.#eras[i - 1];
      if (before) elapsedMs -= era.fromMs - before.lastMs;
    }
    // Of a time before this process began: nothing is known to have been skipped.
    return this.now() - stampMs;
  }

  /** Called when the clock is found to have been set, with by how much. */
  onJump(listener: (byMs: number) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return sleep(ms, signal);
  }

  #begin(): Era {
    const now = this.#wall();
    return { fromMs: now, lastMs: now, lastUptimeMs: this.#uptime() };
  }
}

function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const abort = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', abort);
      resolve();
    }, ms);
    signal?.addEventListener('abort', abort, { once: true });
  });
}

export const systemClock: Clock = {
  now: () => Date.now(),
  uptimeMs: () => performance.now(),
  since: (stampMs) => Date.now() - stampMs,
  sleep,
};

/** A clock that moves only when told: `advance` wakes the sleepers that are due, in order. */
export class FakeClock implements Clock {
  #now: number;
  #sleepers: { at: number; wake: () => void }[] = [];

  constructor(now = Date.UTC(2026, 0, 1)) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  /** How many sleep: a loop that was woken has done its work when it sleeps again. */
  get sleeping(): number {
    return this.#sleepers.length;
  }

  uptimeMs(): number {
    return this.#now;
  }

  since(stampMs: number): number {
    return this.#now - stampMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const sleeper = { at: this.#now + ms, wake: resolve };
      this.#sleepers.push(sleeper);
      signal?.addEventListener('abort', () => {
        this.#sleepers = this.#sleepers.filter((s) => s !== sleeper);
        reject(signal.reason);
      });
    });
  }

  /** Lets what woke run to its next wait before the next sleeper is woken. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      const due = this.#sleepers.filter((s) => s.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!due) break;
      this.#now = Math.max(this.#now, due.at);
      this.#sleepers = this.#sleepers.filter((s) => s !== due);
      due.wake();
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    this.#now = end;
  }
}
