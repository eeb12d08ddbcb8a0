import { expect, it } from 'vitest';
import { parseBlockStat, parseEndOfLife, parseLifeTime, smoothedWriteMs } from './card.plan.ts';
import { CardReader } from './card.ts';

it('reads what the kernel counts of a disk', () => {
  // mmcblk0 of a Raspberry Pi 4.
  const stat =
    '   12850     5120  1037634    98811     3321     4508   118370    20462        0    25504   119273\n';
  expect(parseBlockStat(stat)).toEqual({ writes: 3321, writeMs: 20462 });
  expect(parseBlockStat('')).toBeUndefined();
});

it.each([
  ['0x02 0x01\n', 20],
  ['0x00 0x00\n', undefined],
  ['0x0b 0x01\n', 110],
  ['', undefined],
])('a life of %j is used up by %s percent', (text, percent) => expect(parseLifeTime(text)).toBe(percent));

it.each([
  ['0x01\n', false],
  ['0x02\n', true],
  ['0x03\n', true],
  ['', false],
])('an end of life of %j is near: %s', (text, near) => expect(parseEndOfLife(text)).toBe(near));

it('weighs the time of writes over about a minute, and forgets it on an idle disk', () => {
  const at = (writes: number, writeMs: number) => ({ writes, writeMs });
  expect(smoothedWriteMs(undefined, at(10, 10), undefined)).toBeUndefined();
  expect(smoothedWriteMs(at(10, 10), at(14, 9000), undefined)).toBeUndefined();
  expect(smoothedWriteMs(at(10, 10), at(20, 1010), undefined)).toBe(100);
  // One slow moment is no slow card: it takes some ten seconds more.
  const steps = Array.from({ length: 4 }).reduce<number[]>(
    (all) => [...all, smoothedWriteMs(at(0, 0), at(10, 8000), all.at(-1) ?? 10) ?? 0],
    [],
  );
  expect(steps.map((ms) => ms >= 500)).toEqual([false, false, true, true]);
  expect(smoothedWriteMs(at(0, 0), at(1, 1), 100)).toBe(70);
});

it('looks at this very machine', async () => {
  const card = new CardReader(import.meta.dirname);
  await card.read();
  expect(await card.read()).toMatchObject({ isReadOnly: false, isEndOfLife: false });
});
