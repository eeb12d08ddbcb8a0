import fc from 'fast-check';
import { expect, it } from 'vitest';
import { addressOf, contains, numberOf } from './cidr.ts';

it.each([
  ['10.42.0.0/16', '10.42.255.1', true],
  ['10.42.0.0/16', '10.43.0.1', false],
  ['10.0.0.1/32', '10.0.0.1', true],
  ['10.0.0.1', '10.0.0.1', true],
  ['0.0.0.0/0', '200.1.1.1', true],
  ['fd00::/8', '10.0.0.1', false],
  ['10.0.0.0/8', 'fd00::1', false],
  ['fd42:0:0:3::/64', 'fd42::3:0:0:0:9', true],
  ['fd42:0:0:3::/64', 'fd42:0:0:4::1', false],
  ['::/0', 'fe80::1%eth0', true],
  ['fd42::1', 'fd42:0:0:0:0:0:0:1', true],
  ['fd42::/200', 'fd42::1', false],
  ['fd42:::/16', 'fd42::1', false],
  ['x/8', '10.0.0.1', false],
])('contains(%s, %s) is %s', (cidr, ip, expected) => {
  expect(contains(cidr, ip)).toBe(expected);
});

it.each([
  ['10.43.0.1', '10.43.0.1'],
  ['fd00:0:0:0:0:0:0:1', 'fd00::1'],
  ['::', '::'],
  ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
  ['FD00:10:0:43::', 'fd00:10:0:43::'],
  ['1:0:2:3:4:5:6:7', '1:0:2:3:4:5:6:7'],
  ['0:0:1:2:3:4:0:0', '::1:2:3:4:0:0'],
])('%s is written %s', (text, canonical) => {
  const number = numberOf(text);
  expect(number && addressOf(number.value, number.width)).toBe(canonical);
});

it('reads what it writes', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }), (value) => {
      expect(numberOf(addressOf(value, 128))).toEqual({ value, width: 128 });
    }),
    { seed: 20_261_129 },
  );
});
