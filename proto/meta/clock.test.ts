import { expect, it } from 'vitest';
import { SystemClock } from './clock.ts';

const HOUR = 3_600_000;
const NOW = Date.UTC(2026, 10, 29);

function aMachine(wallMs: number) {
  let [wall, uptime] = [wallMs, 5_000];
  const clock = new SystemClock(
    () => wall,
    () => uptime,
  );
  const jumps: number[] = [];
  clock.onJump((byMs) => jumps.push(byMs));
  return {
    clock,
    jumps,
    pass: (ms: number) => {
      wall += ms;
      uptime += ms;
      return clock.now();
    },
    set: (ms: number) => {
      wall = ms;
      return clock.now();
    },
  };
}

it('counts what has passed, and not what was skipped', () => {
  const { clock, jumps, pass, set } = aMachine(0);
  const began = pass(1_000);
  pass(HOUR);
  set(NOW);
  expect(jumps).toEqual([NOW - HOUR - 1_000]);
  expect(clock.now()).toBe(NOW);
  pass(1_000);
  expect(clock.since(began)).toBe(HOUR + 1_000);
  expect(clock.since(NOW)).toBe(1_000);
  expect(clock.since(NOW - HOUR)).toBe(HOUR + 1_000);
});

it('adds up several settings, forwards and back', () => {
  const { clock, jumps, pass, set } = aMachine(NOW);
  const began = clock.now();
  pass(HOUR);
  set(NOW + 100 * HOUR);
  pass(HOUR);
  set(NOW + 50 * HOUR);
  pass(HOUR);
  expect(clock.since(began)).toBe(3 * HOUR);
  expect(jumps).toEqual([99 * HOUR, -51 * HOUR]);
});

it('takes a clock that is trimmed for what it is', () => {
  const { clock, jumps, pass, set } = aMachine(NOW);
  for (let i = 1; i <= 100; i++) set(pass(1_000) + 30_000);
  expect(jumps).toEqual([]);
  expect(clock.since(NOW)).toBe(100 * 31_000);
  expect(clock.uptimeMs()).toBe(105_000);
});
