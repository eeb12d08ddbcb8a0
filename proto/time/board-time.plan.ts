/**
 * What to do about the clock of a board that has none while it is off. Pure. A board's clock is moved only when it is certainly
 * wrong, or when nothing better than the server is at hand: whoever runs NTP knows the time better than both.
 */

/** No Coracle ran before: a clock that says so was not set. Certificates that are issued count from here at least. */
export const EARLIEST_NOW = Date.UTC(2026, 0, 1);
/** A file that says more than this is damaged. */
const LATEST = Date.UTC(2126, 0, 1);
/** Less is no reason to move a clock. */
const TOLERANCE_MS = 60_000;

/**
 * The time to set when a program starts, or undefined. `savedMs` is the last time that was written down on this board: what has
 * passed since then is not known, but it is later than that. A clock that is merely behind it is left alone: the file may
 * have been written by a clock that was wrong.
 */
export function planTimeAtStart(systemMs: number, savedMs: number | undefined): number | undefined {
  if (systemMs >= EARLIEST_NOW) return undefined;
  const saved = savedMs !== undefined && savedMs < LATEST ? savedMs : 0;
  return Math.max(EARLIEST_NOW, saved);
}

/**
 * The time to set when a server that has proved itself says what time it has, or undefined. `isSynchronized`: something on the
 * board keeps its clock. Where the certificates' dates do not stand in the way (`isBlocked`), a clock is only moved forward: one
 * that was never set is always behind.
 */
export function planTimeFromServer(facts: {
  readonly systemMs: number;
  readonly serverMs: number;
  readonly isSynchronized: boolean;
  readonly isBlocked: boolean;
}): number | undefined {
  const { systemMs, serverMs, isSynchronized, isBlocked } = facts;
  if (isSynchronized || serverMs < EARLIEST_NOW || serverMs > LATEST) return undefined;
  const byMs = serverMs - systemMs;
  if (Math.abs(byMs) < TOLERANCE_MS || (byMs < 0 && !isBlocked)) return undefined;
  return serverMs;
}
