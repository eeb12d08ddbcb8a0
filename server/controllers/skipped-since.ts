import type { Clock } from '#proto/meta/clock.ts';
import { timeOf } from '#server/controllers/timestamps.ts';

/** What the clock has skipped since `text`, a time that it gave, because it was set. 0 for no time. Milliseconds. */
export function skippedSince(clock: Clock, text: string | undefined): number {
  const stampMs = timeOf(text);
  return stampMs === 0 ? 0 : clock.now() - stampMs - clock.since(stampMs);
}
