/** Looks at what hangs on the board. Cheap where nothing was plugged in or out: then the folders' times are as they were. */
import { lstat, readdir, readlink, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { readIfThere } from '#agent/node/read-file.ts';
import type { DeviceNode, DeviceTree, UsbFacts, VideoFacts } from './devices.plan.ts';
import { expandPattern } from './pattern.plan.ts';

/** A resource of the owner's own: its kind and the paths that belong to it, `*` and `?` allowed in the last part. */
export interface OwnDevice {
  readonly kind: string;
  readonly pattern: string;
}

/** When something was last plugged in or out, as a text that differs then. */
export async function deviceStamp(own: readonly OwnDevice[]): Promise<string> {
  const usb = await readdir('/dev/bus/usb').catch(() => []);
  const folders = [
    '/dev',
    ...usb.map((bus) => join('/dev/bus/usb', bus)),
    ...own.map(({ pattern }) => dirname(pattern)),
  ];
  const times = await Promise.all(
    [...new Set(folders)].map((folder) =>
      stat(folder).then(
        ({ mtimeMs }) => mtimeMs,
        () => 0,
      ),
    ),
  );
  return times.join();
}

export async function readDeviceTree(own: readonly OwnDevice[]): Promise<DeviceTree> {
  const names = await readdir('/dev').catch(() => []);
  const ports = names.filter((name) => /^ttyS\d+$/.test(name));
  const [consoles, usb, video] = await Promise.all([
    readIfThere('/sys/class/tty/console/active'),
    readUsb(),
    readVideo(),
  ]);
  const emptyPorts: string[] = [];
  for (const port of ports) {
    const type = (await readIfThere(`/sys/class/tty/${port}/type`)).trim();
    if (type === '0' || type === '') emptyPorts.push(port);
  }
  return {
    names: names.filter((name) => /^(gpio|i2c-|spidev|tty)/.test(name)),
    consoles: consoles.trim().split(/\s+/),
    emptyPorts,
    usb,
    video,
    own: await readOwn(own),
  };
}

async function readUsb(): Promise<UsbFacts[]> {
  const root = '/sys/bus/usb/devices';
  const entries = await readdir(root).catch(() => []);
  const ports = entries.filter((name) => /^\d+-[\d.]+$/.test(name));
  return Promise.all(
    ports.map(async (port) => {
      const folder = join(root, port);
      const interfaces = entries.filter((name) => name.startsWith(`${port}:`));
      const [bus, number, own, ...classes] = await Promise.all([
        readIfThere(join(folder, 'busnum')),
        readIfThere(join(folder, 'devnum')),
        readIfThere(join(folder, 'bDeviceClass')),
        ...interfaces.map((name) => readIfThere(join(root, name, 'bInterfaceClass'))),
      ]);
      const uses = await Promise.all(interfaces.map((name) => usesBelow(join(root, name))));
      return {
        port,
        bus: Number(bus),
        number: Number(number),
        classes: [own, ...classes].map((text) => text.trim()),
        uses: uses.flat(),
      };
    }),
  );
}

/** What the kernel made of an interface; storage has its disks below a SCSI host, a serial adapter its terminal in a folder of its name. */
async function usesBelow(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  return names.flatMap((name) => {
    if (name === 'net' || name === 'tty' || name === 'video4linux') return [name];
    if (/^ttyUSB\d+$/.test(name)) return ['tty'];
    return /^host\d+$/.test(name) ? ['block'] : [];
  });
}

async function readVideo(): Promise<VideoFacts[]> {
  const of = async (folder: string): Promise<VideoFacts[]> => {
    const nodes = await readdir(folder).catch(() => []);
    const parents = await Promise.all(
      nodes.map((node) => readlink(join(folder, node, 'device')).catch(() => '')),
    );
    return nodes.flatMap((node, index) => {
      const parent = basename(parents[index] ?? '');
      return parent ? [{ node, parent: parent.replace(/:\d+\.\d+$/, '') }] : [];
    });
  };
  return [...(await of('/sys/class/video4linux')), ...(await of('/sys/bus/media/devices'))];
}

async function readOwn(own: readonly OwnDevice[]): Promise<ReadonlyMap<string, readonly DeviceNode[]>> {
  const found = new Map<string, DeviceNode[]>();
  for (const { kind, pattern } of own) {
    const nodes = found.get(kind) ?? [];
    found.set(kind, nodes);
    const folder = dirname(pattern);
    const names = await readdir(folder).catch(() => []);
    for (const name of names.filter((name) => expandPattern(basename(pattern)).test(name)).sort()) {
      const containerPath = join(folder, name);
      const path = await realpath(containerPath).catch(() => undefined);
      const isDevice = path !== undefined && (await lstat(path)).isCharacterDevice();
      if (isDevice) nodes.push({ path, containerPath });
    }
  }
  return found;
}

/** The group that may read and write a device on the board; undefined where only root may. */
export async function groupOf(path: string): Promise<number | undefined> {
  const stats = await stat(path).catch(() => undefined);
  return stats && stats.gid !== 0 && (stats.mode & 0o060) === 0o060 ? stats.gid : undefined;
}
