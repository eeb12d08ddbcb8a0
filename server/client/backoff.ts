/** Exponential back-off with full jitter above half: between half and all of `base * 2^attempt`, capped. */
export interface BackoffOptions {
  readonly baseMs: number;
  readonly maxMs: number;
}

/** `attempt` counts from 0; `rng` gives [0, 1). */
export function backoffMs(attempt: number, options: BackoffOptions, rng: () => number): number {
  const ceiling = Math.min(options.maxMs, options.baseMs * 2 ** Math.min(attempt, 30));
  return ceiling / 2 + (ceiling / 2) * rng();
}
