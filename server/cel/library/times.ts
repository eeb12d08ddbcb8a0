import type { FunctionSpec, Library } from '#server/cel/functions.ts';
import { SECOND, split } from '#server/cel/time.ts';
import { type CelDuration, type CelTimestamp, type CelValue, Fault } from '#server/cel/value.ts';

/** What a time has: its parts in UTC, in a zone by name (`Europe/Berlin`) or by offset (`+02:00`). */
const DAY_MS = 86_400_000;

/** A date whose UTC parts are the local ones. */
function localDate(nanos: bigint, zone: string | undefined): Date | undefined {
  const ms = Number(split(nanos).seconds) * 1000;
  if (zone === undefined || zone === 'UTC' || zone === '') return new Date(ms);
  const offset = /^([+-]?)(\d{1,2}):(\d{2})$/.exec(zone);
  if (offset) {
    const minutes = Number(offset[2]) * 60 + Number(offset[3]);
    return new Date(ms + (offset[1] === '-' ? -1 : 1) * minutes * 60_000);
  }
  return inNamedZone(ms, zone);
}

function inNamedZone(ms: number, zone: string): Date | undefined {
  try {
    const parts = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    }).formatToParts(ms);
    const part = (type: string): number => Number(parts.find((p) => p.type === type)?.value);
    const date = new Date(0);
    date.setUTCFullYear(part('year'), part('month') - 1, part('day'));
    date.setUTCHours(part('hour'), part('minute'), part('second'));
    return date;
  } catch {
    return undefined;
  }
}

/** `getX()` and `getX(zone)`. */
function accessor(read: (date: Date, nanos: bigint) => number): readonly FunctionSpec[] {
  const code = (time: CelTimestamp, zone?: unknown): CelValue | Fault => {
    // Without a zone the next argument is the run.
    const name = typeof zone === 'string' ? zone : undefined;
    const date = localDate(time.nanos, name);
    return date ? BigInt(read(date, time.nanos)) : new Fault(`unknown time zone ${name}`);
  };
  return [
    ['timestamp.() int', code],
    ['timestamp.(string) int', code],
  ];
}

const whole = (unit: bigint): FunctionSpec => ['duration.() int', ({ nanos }: CelDuration) => nanos / unit];

function dayOfYear(date: Date): number {
  const start = new Date(0);
  start.setUTCFullYear(date.getUTCFullYear(), 0, 1);
  return Math.floor((date.getTime() - start.getTime()) / DAY_MS);
}

export const times: Library = {
  getFullYear: accessor((date) => date.getUTCFullYear()),
  getMonth: accessor((date) => date.getUTCMonth()),
  getDayOfYear: accessor(dayOfYear),
  getDayOfMonth: accessor((date) => date.getUTCDate() - 1),
  getDate: accessor((date) => date.getUTCDate()),
  getDayOfWeek: accessor((date) => date.getUTCDay()),
  getHours: [...accessor((date) => date.getUTCHours()), whole(3600n * SECOND)],
  getMinutes: [...accessor((date) => date.getUTCMinutes()), whole(60n * SECOND)],
  getSeconds: [...accessor((date) => date.getUTCSeconds()), whole(SECOND)],
  getMilliseconds: [
    ...accessor((_, nanos) => Number(split(nanos).rest / 1_000_000n)),
    ['duration.() int', ({ nanos }: CelDuration) => nanos / 1_000_000n],
  ],
};
