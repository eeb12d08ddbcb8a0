import { parseDuration as parseGoDuration } from '#proto/meta/duration.ts';
import { parseTimestamp as parseInstant } from '#proto/meta/timestamp.ts';
import { CelDuration, CelTimestamp } from '#server/cel/value.ts';

/** Times and durations as CEL knows them: nanoseconds, in Go's and RFC 3339's notation. */
export const SECOND = 1_000_000_000n;
const MIN_TIMESTAMP = -62_135_596_800n * SECOND;
const MAX_TIMESTAMP = 253_402_300_800n * SECOND;
const MAX_INT64 = 2n ** 63n - 1n;

/** Undefined where the text is no time. */
export function parseTimestamp(text: string): CelTimestamp | undefined {
  const instant = parseInstant(text);
  return instant && timestampOf(BigInt(instant.seconds) * SECOND + BigInt(instant.nanos));
}

/** Go's `1h30m`, `-1.5s`, `0`; undefined for what is none. */
export function parseDuration(text: string): CelDuration | undefined {
  const nanos = parseGoDuration(text);
  return nanos === undefined ? undefined : new CelDuration(nanos);
}

/** Undefined outside of the years 1 to 9999. */
export const timestampOf = (nanos: bigint): CelTimestamp | undefined =>
  nanos < MIN_TIMESTAMP || nanos >= MAX_TIMESTAMP ? undefined : new CelTimestamp(nanos);

/** Undefined outside of int64. */
export const durationOf = (nanos: bigint): CelDuration | undefined =>
  nanos > MAX_INT64 || nanos < -MAX_INT64 - 1n ? undefined : new CelDuration(nanos);

/** RFC 3339 with as many digits of the second as it takes. */
export function formatTimestamp(nanos: bigint): string {
  const { seconds, rest } = split(nanos);
  return `${new Date(Number(seconds) * 1000).toISOString().slice(0, 19)}${fraction(rest)}Z`;
}

const fraction = (nanos: bigint): string =>
  nanos === 0n ? '' : `.${String(nanos).padStart(9, '0').replace(/0+$/, '')}`;

/** Whole seconds, rounded down, and the nanoseconds that are left. */
export function split(nanos: bigint): { readonly seconds: bigint; readonly rest: bigint } {
  const rest = ((nanos % SECOND) + SECOND) % SECOND;
  return { seconds: (nanos - rest) / SECOND, rest };
}

/** As CEL makes a string of a duration: `5400s`, `1.5s`. */
export function formatDuration(nanos: bigint): string {
  const abs = nanos < 0n ? -nanos : nanos;
  return `${nanos < 0n ? '-' : ''}${abs / SECOND}${fraction(abs % SECOND)}s`;
}
