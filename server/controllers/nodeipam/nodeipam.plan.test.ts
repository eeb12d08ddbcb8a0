import { expect, it } from 'vitest';
import { allocateAll, allocateCidr } from './nodeipam.plan.ts';

it.each([
  ['10.42.0.0/16', [], '10.42.0.0/24'],
  ['10.42.0.0/16', ['10.42.0.0/24', '10.42.1.0/24'], '10.42.2.0/24'],
  ['10.42.0.0/24', ['10.42.0.0/24'], undefined],
  ['fd00:42::/56', ['fd00:42::/64'], 'fd00:42:0:1::/64'],
  ['fd00:42::/64', ['fd00:42::/64'], undefined],
])('of %s, without %j, a node gets %s', (range, used, block) => {
  expect(allocateCidr(range, new Set(used))).toBe(block);
});

it('gives a block of each family, or none', () => {
  const ranges = ['10.42.0.0/16', 'fd00:42::/64'];
  expect(allocateAll(ranges, new Set())).toEqual(['10.42.0.0/24', 'fd00:42::/64']);
  expect(allocateAll(ranges, new Set(['fd00:42::/64']))).toBeUndefined();
  expect(() => allocateCidr('10.42.0.0/25', new Set())).toThrow('/24');
});
