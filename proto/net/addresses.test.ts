import { expect, it } from 'vitest';
import { addressTowards } from './addresses.ts';

it('knows the own address towards another, and that there is none', async () => {
  expect(await addressTowards('127.0.0.2', 9)).toBe('127.0.0.1');
  // Only a socket that asked for it may broadcast: the kernel refuses, as it does where there is no route.
  expect(await addressTowards('255.255.255.255', 9)).toBeUndefined();
});
