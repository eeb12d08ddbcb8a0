import { expect, test } from 'vitest';
import { compareVersions } from './version-order.ts';

test('versions stand from the one that clients should prefer to the last', () => {
  const order = [
    'v10',
    'v2',
    'v1',
    'v11beta2',
    'v10beta3',
    'v3beta1',
    'v12alpha1',
    'v11alpha2',
    'foo1',
    'foo10',
    'v1gamma1',
  ];
  expect([...order].reverse().sort(compareVersions)).toEqual(order);
});
