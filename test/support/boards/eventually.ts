import { setTimeout as sleep } from 'node:timers/promises';

export interface EventuallyOptions {
  readonly timeoutMs?: number;
  readonly intervalMs?: number;
}

/** Repeats until `attempt` neither throws nor gives false or undefined; fails with the last error. */
export async function eventually<T>(
  attempt: () => Promise<T> | T,
  { timeoutMs = 30_000, intervalMs = 200 }: EventuallyOptions = {},
): Promise<Exclude<T, false | undefined>> {
  const deadline = performance.now() + timeoutMs;
  let last: unknown = new Error('never became true');
  for (;;) {
    try {
      const value = await attempt();
      if (value !== false && value !== undefined) return value as Exclude<T, false | undefined>;
      last = new Error(`still ${value}`);
    } catch (err) {
      last = err;
    }
    if (performance.now() > deadline)
      throw new Error(`not within ${timeoutMs} ms: ${(last as Error).message}`, { cause: last });
    await sleep(intervalMs);
  }
}

/** Fails when `check` throws at any time within the window. */
export async function throughout(
  windowMs: number,
  check: () => Promise<void>,
  intervalMs = 200,
): Promise<void> {
  const end = performance.now() + windowMs;
  while (performance.now() < end) {
    await check();
    await sleep(intervalMs);
  }
}
