import { describe, expect, it } from 'vitest';
import { parseSchedule, zonedTimestamp } from '#server/controllers/cronjob/schedule.ts';

const at = (text: string): number => Date.parse(text);
const iso = (time: number | undefined): string | undefined =>
  time === undefined ? undefined : new Date(time).toISOString();

describe('schedules', () => {
  it.each([
    ['* * * * *', 'Etc/UTC', '2026-01-01T00:00:00Z', '2026-01-01T00:01:00.000Z'],
    ['0 9 * * 1-5', 'Asia/Tokyo', '2026-01-02T12:00:00Z', '2026-01-05T00:00:00.000Z'],
    // Both days given: either will do.
    ['0 0 13 * 5', 'Etc/UTC', '2026-03-01T00:00:00Z', '2026-03-06T00:00:00.000Z'],
    // The clocks go back: half past two comes twice and is taken once.
    ['30 2 * * *', 'Europe/Berlin', '2026-10-25T00:30:00Z', '2026-10-26T01:30:00.000Z'],
    ['@every 90s', undefined, '2026-01-01T00:00:00Z', '2026-01-01T00:01:30.000Z'],
  ])('%s in %s', (text, zone, after, next) => {
    expect(iso(parseSchedule(text, zone).next(at(after)))).toBe(next);
  });

  it.each([
    ['* * * * *', 'Etc/UTC'],
    ['*/7 3-9 * * *', 'Europe/Berlin'],
    ['0 0 1,15 * 3', 'America/New_York'],
    ['@every 37s', undefined],
  ])('the latest time of %s is the last that walking finds', (text, zone) => {
    const schedule = parseSchedule(text, zone);
    const since = at('2026-03-27T00:00:10Z');
    const now = at('2026-03-29T06:00:00Z');
    let walked: number | undefined;
    for (let t = schedule.next(since); t !== undefined && t <= now; t = schedule.next(t)) walked = t;
    if (walked === undefined) expect(schedule.latest(since, now) ?? 0).toBeLessThanOrEqual(since);
    else expect(iso(schedule.latest(since, now))).toBe(iso(walked));
  });

  it('knows that some days never come', () => {
    expect(parseSchedule('0 0 31 2 *', 'Etc/UTC').next(at('2026-01-01T00:00:00Z'))).toBeUndefined();
  });

  it.each([
    ['* * * * * *', undefined],
    ['@reboot', undefined],
    ['* * * * 7', undefined],
  ])('refuses %s', (text, zone) => {
    expect(() => parseSchedule(text, zone)).toThrow();
  });

  it.each([
    ['Etc/UTC', '2026-01-01T00:00:00Z'],
    ['Europe/Berlin', '2026-01-01T01:00:00+01:00'],
    ['Asia/Kolkata', '2026-01-01T05:30:00+05:30'],
    ['America/New_York', '2025-12-31T19:00:00-05:00'],
  ])('writes times in %s', (zone, text) => {
    expect(zonedTimestamp(at('2026-01-01T00:00:00Z'), zone)).toBe(text);
  });
});
