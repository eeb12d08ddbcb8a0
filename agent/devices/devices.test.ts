import { describe, expect, it } from 'vitest';
import { FakeRuntime } from '#agent/runtime/fake/fake-runtime.ts';
import { silent } from '#proto/meta/log.ts';
import { type Holder, planAllocation, wantedDevices } from './allocate.plan.ts';
import { type Device, type DeviceTree, deviceAmounts, devicesOf } from './devices.plan.ts';
import { Devices } from './devices.ts';
import { expandPattern, parseOwnDevice, parseShare } from './pattern.plan.ts';

/** A Raspberry Pi 4 with a Zigbee stick, an SDR receiver, a disk, a camera and a webcam. */
const PI: DeviceTree = {
  names: [
    ...['gpiochip0', 'gpiochip1', 'gpiomem', 'i2c-1', 'i2c-20', 'spidev0.0', 'spidev0.1'],
    ...['tty', 'tty0', 'tty1', 'ttyAMA0', 'ttyS0', 'ttyS1', 'ttyUSB0', 'ttyprintk'],
  ],
  consoles: ['tty1', 'ttyS0'],
  emptyPorts: ['ttyS1'],
  usb: [
    { port: '1-1', bus: 1, number: 2, classes: ['09', '09'], uses: [] },
    { port: '1-1.2', bus: 1, number: 4, classes: ['00', 'ff'], uses: ['tty'] },
    { port: '1-1.3', bus: 1, number: 5, classes: ['00', 'ff', 'ff'], uses: [] },
    { port: '2-1', bus: 2, number: 2, classes: ['00', '08'], uses: ['block'] },
    { port: '1-1.4', bus: 1, number: 7, classes: ['ef', '0e', '0e'], uses: ['video4linux'] },
  ],
  video: [
    { node: 'video0', parent: 'fe801000.csi' },
    { node: 'media0', parent: 'fe801000.csi' },
    { node: 'video1', parent: '1-1.4' },
    { node: 'video2', parent: '1-1.4' },
    { node: 'media1', parent: '1-1.4' },
    { node: 'media9', parent: 'rpivid' },
  ],
  own: new Map(),
};
const none = new Map<string, number>();
const paths = (devices: readonly Device[], kind: string): string[] =>
  devices
    .filter((device) => device.kind === kind)
    .map(({ nodes }) => nodes.map(({ path }) => path).join(' '));

describe('the devices of a board', () => {
  const devices = devicesOf(PI, none);
  it('are offered by kind: buses shared, the rest one by one', () => {
    expect(deviceAmounts(devices)).toEqual({
      'coracle.dev/gpio': '10',
      'coracle.dev/i2c': '10',
      'coracle.dev/spi': '10',
      'coracle.dev/serial': '2',
      'coracle.dev/usb': '1',
      'coracle.dev/video': '2',
    });
  });

  it.each([
    ['gpio', ['/dev/gpiochip0 /dev/gpiochip1 /dev/gpiomem']],
    ['i2c', ['/dev/i2c-1 /dev/i2c-20']],
    ['spi', ['/dev/spidev0.0 /dev/spidev0.1']],
    // Neither the console nor a port without hardware.
    ['serial', ['/dev/ttyAMA0', '/dev/ttyUSB0']],
    // Neither hubs, disks nor what is offered under another name.
    ['usb', ['/dev/bus/usb/001/005']],
    ['video', ['/dev/video0 /dev/media0', '/dev/video1 /dev/video2 /dev/media1']],
  ])('%s', (kind, expected) => expect(paths(devices, kind)).toEqual(expected));

  it('are shared as the owner says, or not at all', () => {
    const shares = new Map([
      ['gpio', 1],
      ['usb', 3],
      ['video', 0],
    ]);
    expect(deviceAmounts(devicesOf(PI, shares))).toMatchObject({
      'coracle.dev/gpio': '1',
      'coracle.dev/usb': '3',
    });
    expect(deviceAmounts(devicesOf(PI, shares))).not.toHaveProperty('coracle.dev/video');
  });

  it('take what the owner named out of the others', () => {
    const containerPath = '/dev/serial/by-id/usb-ITead_Zigbee';
    const own = new Map([['zigbee', [{ path: '/dev/ttyUSB0', containerPath }]]]);
    const found = devicesOf({ ...PI, own }, none);
    expect(deviceAmounts(found)).toMatchObject({ 'coracle.dev/zigbee': '1', 'coracle.dev/serial': '1' });
    expect(found.find(({ kind }) => kind === 'zigbee')?.nodes).toEqual([
      { path: '/dev/ttyUSB0', containerPath },
    ]);
  });

  it('are none on a board that has none', () => {
    expect(devicesOf({ ...PI, names: ['tty0'], usb: [], video: [] }, none)).toEqual([]);
  });
});

describe('who gets which', () => {
  const devices = devicesOf(PI, new Map([['gpio', 2]]));
  const wish = (podUid: string, wanted: Record<string, number>, container = 'main', isInit = false) => ({
    ...{ podUid, container, isInit, wanted },
  });
  const holder = (podUid: string, kind: string, id: string, container = 'main', isInit = false): Holder => ({
    ...{ podUid, container, isInit, holding: { [kind]: [id] } },
  });
  it.each<[string, ReturnType<typeof wish>, readonly Holder[], Record<string, string[]> | string]>([
    ['the first that is free', wish('a', { serial: 1 }), [], { serial: ['ttyAMA0'] }],
    [
      'not what another has',
      wish('a', { serial: 1 }),
      [holder('b', 'serial', 'ttyAMA0')],
      { serial: ['ttyUSB0'] },
    ],
    ['what it had', wish('a', { serial: 1 }), [holder('a', 'serial', 'ttyUSB0')], { serial: ['ttyUSB0'] }],
    [
      'what an init container of its Pod had',
      wish('a', { serial: 2 }),
      [holder('a', 'serial', 'ttyUSB0', 'init', true)],
      { serial: ['ttyUSB0', 'ttyAMA0'] },
    ],
    [
      'not what a container beside it has',
      wish('a', { serial: 1 }, 'second'),
      [holder('a', 'serial', 'ttyAMA0'), holder('b', 'serial', 'ttyUSB0')],
      'not enough devices coracle.dev/serial: requested: 1, free: 0, on this node: 2',
    ],
    ['what may be shared', wish('a', { gpio: 1 }), [holder('b', 'gpio', 'gpio')], { gpio: ['gpio'] }],
    [
      'no more than may be shared',
      wish('a', { gpio: 1 }),
      [holder('b', 'gpio', 'gpio'), holder('c', 'gpio', 'gpio')],
      'not enough devices coracle.dev/gpio: requested: 1, free: 0, on this node: 1',
    ],
    ['not what was unplugged', wish('a', { usb: 1 }), [holder('a', 'usb', '1-9')], { usb: ['1-1.3'] }],
    [
      'nothing of what is not there',
      wish('a', { fpga: 1 }),
      [],
      'not enough devices coracle.dev/fpga: requested: 1, free: 0, on this node: 0',
    ],
  ])('%s', (_what, wanted, holders, expected) => {
    const allocation = planAllocation(wanted, devices, holders);
    expect(allocation.ok ? allocation.holding : allocation.message).toEqual(expected);
  });

  it('is asked for as an extended resource', () => {
    const limits = { 'coracle.dev/gpio': '1', 'coracle.dev/usb': '2', cpu: '1', 'example.com/x': '1' };
    expect(wantedDevices({ name: 'c', resources: { limits } })).toEqual({ gpio: 1, usb: 2 });
  });
});

describe('options', () => {
  it('name devices by patterns', () => {
    expect(parseOwnDevice('zigbee=/dev/serial/by-id/*ITead*')).toEqual({
      ...{ kind: 'zigbee', pattern: '/dev/serial/by-id/*ITead*' },
    });
    expect(expandPattern('tty?SB*.x').test('ttyUSB0.x')).toBe(true);
    expect(expandPattern('tty?SB*.x').test('ttyUSB0-x')).toBe(false);
    expect(parseShare('gpio=4')).toEqual({ kind: 'gpio', count: 4 });
  });
  it.each([
    [() => parseOwnDevice('Zig=/dev/x'), 'is not a name'],
    [() => parseOwnDevice('zig=dev/x'), 'is not the path of devices'],
    [() => parseOwnDevice('zig=/dev/*/x'), 'is not the path of devices'],
    [() => parseShare('gpio'), '"gpio" is not NAME=COUNT'],
  ])('are checked', (parse, message) => expect(parse).toThrow(message));
});

describe('devices of this very machine', () => {
  it('are read, and a null device that the owner names is given to one at a time', async () => {
    const devices = new Devices({
      own: [{ kind: 'nothing', pattern: '/dev/nul?' }],
      shares: none,
      runtime: new FakeRuntime(),
      log: silent,
    });
    await devices.refresh();
    expect(devices.amounts).toMatchObject({ 'coracle.dev/nothing': '1' });
    const spec = { name: 'main', resources: { limits: { 'coracle.dev/nothing': '1' } } };
    const given = await devices.allocate('a', spec, false);
    expect(given.nodes).toEqual([{ path: '/dev/null', containerPath: '/dev/null' }]);
    await expect(devices.allocate('b', spec, false)).rejects.toThrow('free: 0, on this node: 1');
    devices.release('a');
    expect((await devices.allocate('b', spec, false)).nodes).toHaveLength(1);
    expect(await devices.allocate('c', { name: 'main' }, false)).toEqual({ nodes: [], groups: [], note: '' });
  });
});
