import { Cron } from 'croner';
import { plainSchedule, scheduleProblem } from '#server/registry/batch/schedule.ts';

/** The times of a schedule, in epoch milliseconds. */
export interface Schedule {
  /** The first time after this one; undefined: there is none. */
  next(after: number): number | undefined;
  /** The last time up to `now`, counted from `since` where the schedule is an interval. */
  latest(since: number, now: number): number | undefined;
}

/** Throws, with the reason as its message, when the text is no schedule or the zone is unknown. */
export function parseSchedule(schedule: string, timeZone: string | undefined): Schedule {
  const problem = scheduleProblem(schedule);
  if (problem !== undefined) throw new Error(problem);
  const plain = plainSchedule(schedule);
  if ('everyMs' in plain) return everySchedule(plain.everyMs);
  // Without a zone it is the process's own, as upstream's.
  const cron = new Cron(plain.fields, {
    mode: '5-part',
    paused: true,
    ...(timeZone ? { timezone: timeZone } : {}),
  });
  return {
    next: (after) => cron.nextRun(new Date(after))?.getTime(),
    latest: (_since, now) =>
      cron.previousRuns(1, new Date(Math.floor(now / 1000) * 1000 + 1000))[0]?.getTime(),
  };
}

function everySchedule(everyMs: number): Schedule {
  const next = (after: number): number => Math.floor(after / 1000) * 1000 + everyMs;
  return {
    next,
    latest: (since, now) => {
      const first = next(since);
      return first > now ? undefined : first + Math.floor((now - first) / everyMs) * everyMs;
    },
  };
}

/** Throws for a zone that nobody knows. */
export function checkTimeZone(timeZone: string): void {
  new Intl.DateTimeFormat('en', { timeZone });
}

/** RFC 3339 with the zone's offset, `Z` for none: what a Job's annotation says. */
export function zonedTimestamp(time: number, timeZone: string | undefined): string {
  const format = new Intl.DateTimeFormat('en-US', {
    ...(timeZone ? { timeZone } : {}),
    hourCycle: 'h23',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  });
  const parts = Object.fromEntries(format.formatToParts(time).map(({ type, value }) => [type, value]));
  const local = `${parts['year']}-${parts['month']}-${parts['day']}T${parts['hour']}:${parts['minute']}:${parts['second']}`;
  const minutes = Math.round((Date.parse(`${local}Z`) - time) / 60_000);
  if (minutes === 0) return `${local}Z`;
  const two = (value: number): string => String(value).padStart(2, '0');
  const offset = Math.abs(minutes);
  return `${local}${minutes < 0 ? '-' : '+'}${two(Math.floor(offset / 60))}:${two(offset % 60)}`;
}
