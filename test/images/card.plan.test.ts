import { expect, it } from 'vitest';
import { keptOf, type LoggedWrite, readEntry, SECTOR } from './card.plan.ts';

const aWrite = (sector: number, count: number): LoggedWrite => ({
  sector,
  count,
  flush: count === 0,
  at: sector * SECTOR,
});

const aHeader = (words: readonly number[]): Buffer => {
  const header = Buffer.alloc(SECTOR);
  words.forEach((word, index) => {
    header.writeBigUInt64LE(BigInt(word), index * 8);
  });
  return header;
};

it.each([
  ['a write', [100, 8, 0, 0], { sector: 100, count: 8, flush: false, at: 1024, next: 1024 + 8 * SECTOR }],
  ['a flush', [0, 0, 1, 0], { sector: 0, count: 0, flush: true, at: 1024, next: 1024 }],
  ['zeros', [], undefined],
  ['a write beyond the card', [4090, 8, 0, 0], undefined],
  ['letters', [0x74656b61, 8, 0, 0], undefined],
  ['more after the header', [100, 8, 0, 0, 0, 5], undefined],
])('reads %s', (_, words, entry) => {
  expect(readEntry(aHeader(words), 512, 4096)).toEqual(entry);
});

it('keeps all up to the last flush, and of the rest what chance leaves', () => {
  const writes = [aWrite(0, 16), aWrite(0, 0), aWrite(32, 8), aWrite(0, 0), aWrite(64, 20)];
  const chance = [0.5, 0.6, 0.1, 0.5][Symbol.iterator]();
  const kept = [...keptOf(writes, () => chance.next().value ?? 1)];
  expect(kept.map(({ sector, count, lost }) => [sector, count, lost])).toEqual([
    [0, 16, false],
    [0, 0, false],
    [32, 8, false],
    [0, 0, false],
    [64, 8, false],
    [72, 8, true],
    [80, 4, false],
  ]);
});

it('loses what was never flushed, and may lose all of it', () => {
  expect([...keptOf([aWrite(0, 8)], () => 0)].map(({ lost }) => lost)).toEqual([false]);
  expect([...keptOf([aWrite(0, 8)], () => 0.99)].map(({ lost }) => lost)).toEqual([false]);
  const chance = [0.9, 0.2][Symbol.iterator]();
  expect([...keptOf([aWrite(0, 8)], () => chance.next().value ?? 1)].map(({ lost }) => lost)).toEqual([true]);
});
