import { expect, it } from 'vitest';
import { readHardware } from './hardware.ts';

const on = (files: Readonly<Record<string, string>>) => (path: string) => Promise.resolve(files[path] ?? '');
const SERIAL = '/proc/device-tree/serial-number';
const UUID = '/sys/class/dmi/id/product_uuid';

it('is the same on the same board, and another on another', async () => {
  const one = await readHardware('', on({ [SERIAL]: '10000000abcdef01\0' }));
  expect(one).toMatch(/^[0-9a-f]{64}$/);
  expect(await readHardware('', on({ [SERIAL]: '10000000ABCDEF01\0', [UUID]: 'x' }))).toBe(one);
  expect(await readHardware('', on({ [SERIAL]: '10000000abcdef02\0' }))).not.toBe(one);
  expect(await readHardware('10000000abcdef01', on({}))).toBe(one);
});

it.each([
  ['nothing', {}],
  ['zeroes', { [SERIAL]: '0000000000000000\0' }],
  ['words of firmware', { [UUID]: 'To Be Filled By O.E.M.\n' }],
  ['an UUID that many have', { [UUID]: '03000200-0400-0500-0006-000700080009\n' }],
])('is unknown where the board says %s', async (_, files) => {
  expect(await readHardware('', on(files))).toBe('');
});
