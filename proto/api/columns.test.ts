import { describe, expect, test } from 'vitest';
import { humanDuration, selector } from '#proto/api/columns.ts';

const s = 1000;
const h = 3600 * s;
const d = 24 * h;

describe('humanDuration', () => {
  test.each([
    [-5 * s, '<invalid>'],
    [0, '0s'],
    [119 * s, '119s'],
    [120 * s, '2m'],
    [125 * s, '2m5s'],
    [600 * s, '10m'],
    [179 * 60 * s, '179m'],
    [3 * h, '3h'],
    [3 * h + 10 * 60 * s, '3h10m'],
    [47 * h, '47h'],
    [2 * d + 3 * h, '2d3h'],
    [12 * d, '12d'],
    [800 * d, '2y70d'],
    [9 * 365 * d, '9y'],
  ])('%d ms is %s', (ms, text) => expect(humanDuration(ms)).toBe(text));
});

test('a selector reads as on the command line', () => {
  expect(
    selector({
      matchLabels: { b: '2' },
      matchExpressions: [
        { key: 'a', operator: 'In', values: ['y', 'x'] },
        { key: 'c', operator: 'DoesNotExist' },
      ],
    }),
  ).toBe('a in (x,y),b=2,!c');
});
