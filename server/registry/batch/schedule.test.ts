import { Cron } from 'croner';
import { describe, expect, it } from 'vitest';
import { plainSchedule, scheduleProblem } from '#server/registry/batch/schedule.ts';

describe('schedules', () => {
  it.each([
    ['* * * * *', '* * * * *'],
    ['*/15 2 * * *', '0,15,30,45 2 * * *'],
    ['5/20 * * * *', '5,25,45 * * * *'],
    ['*/1 ? * * ?', '* * * * *'],
    ['1-5/2,30 0 1 JAN-mar Mon-FRI', '1,3,5,30 0 1 1,2,3 1,2,3,4,5'],
    ['0 0 1,* * 1', '0 0 * * 1'],
    ['*/100 * * * *', '0 * * * *'],
    ['@weekly', '0 0 * * 0'],
  ])('%s is %s', (schedule, fields) => {
    expect(scheduleProblem(schedule)).toBeUndefined();
    expect(plainSchedule(schedule)).toEqual({ fields });
    expect(() => new Cron(fields, { mode: '5-part', paused: true })).not.toThrow();
  });

  it.each([
    ['@every 1h30m', 5_400_000],
    ['@every 1.5s', 1000],
    ['@every 10ms', 1000],
  ])('%s is an interval of %i ms', (schedule, everyMs) => {
    expect(scheduleProblem(schedule)).toBeUndefined();
    expect(plainSchedule(schedule)).toEqual({ everyMs });
  });

  it.each([
    '* * * * * *',
    '* * * *',
    '* * * * 7',
    '60 * * * *',
    '0 0 L * *',
    '0 0 * * 5#2',
    '0 0 15W * *',
    '5-1 * * * *',
    '*/0 * * * *',
    '@reboot',
    '@every soon',
    'every day',
  ])('%s is none', (schedule) => {
    expect(scheduleProblem(schedule)).toBeDefined();
  });
});
