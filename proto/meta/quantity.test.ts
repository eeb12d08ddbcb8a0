import { describe, expect, it } from 'vitest';
import {
  addQuantities,
  bytesQuantity,
  canonicalQuantity,
  compareQuantities,
  milliQuantity,
  milliValue,
  parseQuantity,
  quantityValue,
  subtractQuantities,
} from '#proto/meta/quantity.ts';

describe('canonical form', () => {
  it.each([
    ['0', '0'],
    ['0Mi', '0'],
    ['0.5', '500m'],
    ['.5', '500m'],
    ['1.5', '1500m'],
    ['1.', '1.'],
    ['100m', '100m'],
    ['1000m', '1'],
    ['1500m', '1500m'],
    ['1024Mi', '1Gi'],
    ['1.5Gi', '1536Mi'],
    ['0.5Mi', '512Ki'],
    ['512Ki', '512Ki'],
    ['0.1Ki', '102400m'],
    ['1000', '1k'],
    ['123000', '123k'],
    ['1e3', '1e3'],
    ['12e6', '12e6'],
    ['1000e3', '1e6'],
    ['100e2', '10e3'],
    ['1E', '1E'],
    ['1Ei', '1Ei'],
    ['16Ei', '9223372036854775807'],
    ['0.1n', '1n'],
    ['-5', '-5'],
    ['-0.5', '-500m'],
    ['+5', '+5'],
    ['1.500', '1.500'],
    ['2000Ki', '2000Ki'],
    ['1025Ki', '1025Ki'],
    ['8589934592', '8589934592'],
  ])('%s is %s', (text, want) => {
    expect(canonicalQuantity(text)).toBe(want);
  });

  it.each(['', 'abc', '1.2.3', '1Kib', '1 Gi', '5x', '1e', '1ee3', '--5', '1e99999999999'])(
    'refuses %j',
    (text) => {
      expect(() => parseQuantity(text)).toThrow(/quantit/);
    },
  );

  it('refuses what would only cost memory', () => {
    expect(() => parseQuantity('9'.repeat(100_000))).toThrow(/regular expression/);
  });
});

describe('arithmetic', () => {
  it.each([
    ['1Gi', '1024Mi', 0],
    ['1', '1001m', -1],
    ['1k', '999', 1],
    ['-1', '1', -1],
  ] as const)('%s against %s', (a, b, want) => {
    expect(compareQuantities(a, b)).toBe(want);
  });

  it('adds in the format of the first', () => {
    expect(addQuantities('100m', '0.9')).toBe('1');
    expect(addQuantities('512Mi', '512Mi')).toBe('1Gi');
    expect(addQuantities('0', '1Gi')).toBe('1Gi');
    expect(subtractQuantities('1Gi', '512Mi')).toBe('512Mi');
  });

  it('gives whole and milli values, rounded up', () => {
    expect(quantityValue('1Gi')).toBe(2 ** 30);
    expect(quantityValue('100m')).toBe(1);
    expect(quantityValue('1.2')).toBe(2);
    expect(quantityValue(undefined)).toBe(0);
    expect(milliValue('2')).toBe(2000);
    expect(milliValue('0.25')).toBe(250);
    expect(milliValue('1u')).toBe(1);
    expect(milliValue('-0.5')).toBe(-500);
  });

  it('writes bytes and milli values', () => {
    expect(bytesQuantity(2 ** 30)).toBe('1Gi');
    expect(bytesQuantity(8_000_000)).toBe('8000000');
    expect(bytesQuantity(512)).toBe('512');
    expect(milliQuantity(250)).toBe('250m');
    expect(milliQuantity(4000)).toBe('4');
  });
});
