/**
 * Full jitter: many boards whose server or access point came back do not come back at the same moment. `attempt` counts
 * failures in a row, from 0; `random` is in [0, 1). Milliseconds.
 */
export function reconnectDelayMs(attempt: number, random: number): number {
  return Math.floor(random * Math.min(30_000, 1_000 * 2 ** Math.min(attempt, 10)));
}
