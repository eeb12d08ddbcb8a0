import { expect, it } from 'vitest';
import { goDuration } from './duration.ts';

it.each([
  [0, '0s'],
  [12, '12ms'],
  [1234, '1.234s'],
  [61_500, '1m1.5s'],
  [300_000, '5m0s'],
  [3_600_000, '1h0m0s'],
  [-12.4, '-12ms'],
])('%d ms is %s', (ms, text) => {
  expect(goDuration(ms)).toBe(text);
});
