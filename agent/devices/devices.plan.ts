/**
 * Which devices of the board Pods can be given, as extended resources: `coracle.dev/gpio`, `i2c`, `spi`, `serial`, `usb`, `video`, and
 * what the owner of the board named himself. Pure: from what /dev and /sys show.
 *
 * Buses (gpio, i2c, spi) are given whole, to several at a time: what hangs on them is known by its pin, address or chip select,
 * which no scheduler could choose. A serial port, a USB device or a camera is for one.
 */
export const PREFIX = 'coracle.dev/';

/** How many Pods may have each at a time, unless the board's owner says otherwise. */
export const DEFAULT_SHARES: Readonly<Record<string, number>> = { gpio: 10, i2c: 10, spi: 10 };

export interface Device {
  /** Without the prefix: `serial`. */
  readonly kind: string;
  /** The same for as long as it is plugged in where it is. */
  readonly id: string;
  readonly nodes: readonly DeviceNode[];
  /** How many containers may have it at a time. */
  readonly shares: number;
}

export interface DeviceNode {
  /** On the board. */
  readonly path: string;
  /** In the container. */
  readonly containerPath: string;
}

export interface UsbFacts {
  /** The port, as the kernel names it: `1-1.2`. */
  readonly port: string;
  readonly bus: number;
  readonly number: number;
  /** Of the device, and of each of its interfaces, hexadecimal: `09` is a hub. */
  readonly classes: readonly string[];
  /** What the kernel made of it: `tty`, `net`, `video4linux`, `block`. */
  readonly uses: readonly string[];
}

export interface VideoFacts {
  /** `video0`, `media0`, `v4l-subdev0`. */
  readonly node: string;
  /** The device behind it: nodes with the same one are one camera. */
  readonly parent: string;
}

/** What the board shows. */
export interface DeviceTree {
  /** Character devices below /dev, by name: `gpiochip0`, `ttyUSB0`, `i2c-1`. */
  readonly names: readonly string[];
  /** Terminals that the kernel writes its messages to. */
  readonly consoles: readonly string[];
  /** Ports `ttyS…` behind which there is no hardware. */
  readonly emptyPorts: readonly string[];
  readonly usb: readonly UsbFacts[];
  readonly video: readonly VideoFacts[];
  /** What each pattern of the owner matched, with where links lead. */
  readonly own: ReadonlyMap<string, readonly DeviceNode[]>;
}

const BUSES: readonly (readonly [kind: string, names: RegExp])[] = [
  ['gpio', /^gpio(chip|mem)\d*$/],
  ['i2c', /^i2c-\d+$/],
  ['spi', /^spidev\d+\.\d+$/],
];
const SERIAL = /^tty(USB|ACM|AMA|S|THS|mxc|O)\d+$/;
const HUB = '09';
/** Whom the kernel itself serves is not given away: the board's network, its disks, and what is offered under another name. */
const TAKEN = ['net', 'block', 'tty', 'video4linux'];
const STORAGE = '08';

export function devicesOf(tree: DeviceTree, shares: ReadonlyMap<string, number>): readonly Device[] {
  const own = [...tree.own].flatMap(([kind, nodes]) =>
    nodes.map((node) => ({ kind, id: node.containerPath, nodes: [node] })),
  );
  const taken = new Set(own.flatMap(({ nodes }) => nodes.map(({ path }) => path)));
  const found = [...own, ...buses(tree), ...serial(tree), ...usb(tree), ...video(tree)].flatMap((device) => {
    // What the owner named himself is not offered twice.
    const nodes = tree.own.has(device.kind)
      ? device.nodes
      : device.nodes.filter(({ path }) => !taken.has(path));
    return nodes.length > 0 ? [{ ...device, nodes }] : [];
  });
  return found.flatMap((device) => {
    const count = shares.get(device.kind) ?? DEFAULT_SHARES[device.kind] ?? 1;
    return count > 0 ? [{ ...device, shares: count }] : [];
  });
}

type Found = Omit<Device, 'shares'>;

const dev = (name: string): DeviceNode => ({ path: `/dev/${name}`, containerPath: `/dev/${name}` });

const buses = ({ names }: DeviceTree): Found[] =>
  BUSES.flatMap(([kind, pattern]) => {
    const nodes = names.filter((name) => pattern.test(name)).map(dev);
    return nodes.length > 0 ? [{ kind, id: kind, nodes }] : [];
  });

const serial = ({ names, consoles, emptyPorts }: DeviceTree): Found[] =>
  names
    .filter((name) => SERIAL.test(name) && !consoles.includes(name) && !emptyPorts.includes(name))
    .map((name) => ({ kind: 'serial', id: name, nodes: [dev(name)] }));

const usb = (tree: DeviceTree): Found[] =>
  tree.usb
    .filter(
      ({ classes, uses }) =>
        !classes.some((c) => c === HUB || c === STORAGE) && !uses.some((use) => TAKEN.includes(use)),
    )
    .map(({ port, bus, number }) => ({
      kind: 'usb',
      id: port,
      nodes: [dev(`bus/usb/${String(bus).padStart(3, '0')}/${String(number).padStart(3, '0')}`)],
    }));

function video({ video: nodes }: DeviceTree): Found[] {
  const cameras = new Map<string, string[]>();
  for (const { node, parent } of nodes) cameras.set(parent, [...(cameras.get(parent) ?? []), node]);
  return [...cameras]
    .filter(([, own]) => own.some((node) => node.startsWith('video')))
    .map(([parent, own]) => ({ kind: 'video', id: parent, nodes: own.map(dev) }));
}

/** For the Node: how many containers could have one of each kind. */
export function deviceAmounts(devices: readonly Device[]): Readonly<Record<string, string>> {
  const amounts = new Map<string, number>();
  for (const { kind, shares } of devices) amounts.set(kind, (amounts.get(kind) ?? 0) + shares);
  return Object.fromEntries([...amounts].map(([kind, amount]) => [`${PREFIX}${kind}`, String(amount)]));
}
