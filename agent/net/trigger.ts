import type { Clock } from '#proto/meta/clock.ts';

/** Many calls of {@link fire} between two waits are one: what waits looks at the state of things, not at events. */
export class Trigger {
  readonly #clock: Clock;
  #fired = false;
  #wake: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  fire(): void {
    this.#fired = true;
    this.#wake?.();
  }

  /** True when it was fired, false after `ms` or when the signal aborts. */
  async wait(ms: number, signal: AbortSignal): Promise<boolean> {
    if (!this.#fired && !signal.aborted) {
      const woken = new AbortController();
      this.#wake = () => woken.abort();
      await this.#clock.sleep(ms, AbortSignal.any([signal, woken.signal])).catch(() => {});
      this.#wake = undefined;
    }
    const fired = this.#fired;
    this.#fired = false;
    return fired && !signal.aborted;
  }
}
