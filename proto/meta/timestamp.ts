/** RFC 3339 timestamps as metav1.Time and MicroTime read and write them: UTC, whole seconds or microseconds. */
export interface Instant {
  readonly seconds: number;
  readonly nanos: number;
}

const FORM =
  /^([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:[.,]([0-9]{1,9})[0-9]*)?(?:([Zz])|([+-])([0-9]{2}):([0-9]{2}))$/;

/** Undefined when the text is no RFC 3339 time. */
export function parseTimestamp(text: string): Instant | undefined {
  const hit = FORM.exec(text);
  if (!hit) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = hit.slice(1, 7).map(Number);
  if (month < 1 || month > 12 || hour > 23 || minute > 59 || second > 59) return undefined;
  const at = new Date(0);
  at.setUTCFullYear(year, month - 1, day);
  if (day < 1 || at.getUTCDate() !== day) return undefined;
  at.setUTCHours(hour, minute, second);
  const [zoneHours, zoneMinutes] = [Number(hit[10] ?? 0), Number(hit[11] ?? 0)];
  if (zoneHours > 23 || zoneMinutes > 59) return undefined;
  const zone = (hit[9] === '-' ? 1 : -1) * (zoneHours * 3600 + zoneMinutes * 60);
  return { seconds: at.getTime() / 1000 + zone, nanos: Number((hit[7] ?? '').padEnd(9, '0')) };
}

const LAST = Date.UTC(9999, 11, 31, 23, 59, 59) / 1000;
const FIRST = -62_167_219_200;

/** `2026-01-02T03:04:05Z`; undefined outside the years 0 to 9999, which RFC 3339 cannot write. */
export function formatTime({ seconds }: Instant): string | undefined {
  if (seconds < FIRST || seconds > LAST) return undefined;
  return `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`;
}

/** `2026-01-02T03:04:05.000006Z`. */
export function formatMicroTime(at: Instant): string | undefined {
  const whole = formatTime(at);
  const micros = Math.floor(at.nanos / 1000);
  return whole && `${whole.slice(0, 19)}.${String(micros).padStart(6, '0')}Z`;
}

/** `metav1.Time` of epoch milliseconds: UTC, whole seconds, the rest cut off. */
export const timestamp = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
