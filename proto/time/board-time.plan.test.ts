import { expect, it } from 'vitest';
import { EARLIEST_NOW, planTimeAtStart, planTimeFromServer } from './board-time.plan.ts';

const NOW = Date.UTC(2026, 10, 29);
const DAY = 86_400_000;

it.each<[string, number, number | undefined, number | undefined]>([
  ['1970 and nothing is known', 5_000, undefined, EARLIEST_NOW],
  ['1970 and yesterday was written down', 5_000, NOW - DAY, NOW - DAY],
  ['1970 and the file is damaged', 5_000, 1e18, EARLIEST_NOW],
  ['1970 and the file is not a number', 5_000, Number.NaN, EARLIEST_NOW],
  ['a date that may be right', NOW, NOW - DAY, undefined],
  ['behind what was written down: who was wrong?', NOW - DAY, NOW, undefined],
])('starts with %s', (_, system, saved, set) => {
  expect(planTimeAtStart(system, saved)).toBe(set);
});

it.each<[string, Partial<Parameters<typeof planTimeFromServer>[0]>, number | undefined]>([
  ['a day behind', { systemMs: NOW - DAY }, NOW],
  ['a second behind', { systemMs: NOW - 1000 }, undefined],
  ['a day behind, and kept by NTP', { systemMs: NOW - DAY, isSynchronized: true }, undefined],
  ['a day ahead', { systemMs: NOW + DAY }, undefined],
  ['years ahead, so that certificates have ended', { systemMs: NOW + 4000 * DAY, isBlocked: true }, NOW],
  ['years ahead by NTP', { systemMs: NOW + 4000 * DAY, isBlocked: true, isSynchronized: true }, undefined],
  ['in 1970, as its server is', { systemMs: 5_000, serverMs: 9 * 60_000 }, undefined],
])('a board that is %s', (_, facts, set) => {
  const all = { systemMs: NOW, serverMs: NOW, isSynchronized: false, isBlocked: false, ...facts };
  expect(planTimeFromServer(all)).toBe(set);
});
