import { expect, it } from 'vitest';
import { readHardware } from './hardware.ts';

const on = (files: Readonly<Record<string, string>>) => (path: string) => Promise.resolve(files[path] ?? '');
const SERIAL = '/proc/device-tree/serial-number';
const noCards = async () => [];
const UUID = '/sys/class/dmi/id/product_uuid';

it('is the same on the same board, and another on another', async () => {
  const one = await readHardware('', on({ [SERIAL]: '10000000abcdef01\0' }), noCards);
  expect(one).toMatch(/^[0-9a-f]{64}$/);
  expect(await readHardware('', on({ [SERIAL]: '10000000ABCDEF01\0', [UUID]: 'x' }), noCards)).toBe(one);
  expect(await readHardware('', on({ [SERIAL]: '10000000abcdef02\0' }), noCards)).not.toBe(one);
  expect(await readHardware('10000000abcdef01', on({}))).toBe(one);
});

it.each([
  ['nothing', {}],
  ['zeroes', { [SERIAL]: '0000000000000000\0' }],
  ['words of firmware', { [UUID]: 'To Be Filled By O.E.M.\n' }],
  ['an UUID that many have', { [UUID]: '03000200-0400-0500-0006-000700080009\n' }],
])('is unknown where the board says %s', async (_, files) => {
  expect(await readHardware('', on(files), noCards)).toBe('');
});

it('is the address of a network card where nothing else tells it', async () => {
  const net = '/sys/class/net';
  const files = {
    [UUID]: '00000000-0000-0000-0000-000000000000',
    [`${net}/cni0/addr_assign_type`]: '3',
    [`${net}/cni0/address`]: '2e:00:00:00:00:01',
    [`${net}/eth0/addr_assign_type`]: '0',
    [`${net}/eth0/address`]: 'DC:A6:32:01:02:03',
    [`${net}/eth0/device/uevent`]: 'DRIVER=bcmgenet',
    [`${net}/veth1/addr_assign_type`]: '0',
    [`${net}/veth1/address`]: '2e:00:00:00:00:02',
  };
  const cards = async () => ['veth1', 'eth0', 'cni0', 'lo'];
  expect(await readHardware('', on(files), cards)).toBe(
    await readHardware('dc:a6:32:01:02:03', on({}), noCards),
  );
  expect(await readHardware('', on({}), cards)).toBe('');
});
