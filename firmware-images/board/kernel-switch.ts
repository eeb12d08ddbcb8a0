/**
 * The kernel follows a system that has proved itself: it is copied from the slot to the other of two folders of the boot
 * partition, and named last. With systemd-boot it has three tries, after which the one before it boots; a Raspberry Pi boots
 * what config.txt names. Takes effect at the next boot.
 */
import { createHash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { configTxt, loaderEntry } from '#firmware/image.plan.ts';
import type { BootPartition } from './boot-partition.ts';
import type { Image } from './configure.ts';
import { otherSlot, type Slot } from './slots.ts';

const ENTRIES = 'loader/entries';
const TRIES = 3;

export interface KernelDeps {
  readonly boot: BootPartition;
  readonly bootLoader: Image['bootLoader'];
  /** `/proc/cmdline` */
  readonly commandLine: string;
  /** The slot's own kernel: a folder with `vmlinuz`, `initrd.img` and device trees. */
  readonly kernel: string;
}

/** Which of the two kernels runs. */
export const runningKernel = (commandLine: string): Slot =>
  /\bcoracle\.kernel=([ab])\b/.exec(commandLine)?.[1] === 'b' ? 'b' : 'a';

/** True where the next boot will have another kernel than this one. */
export function followKernel(deps: KernelDeps): boolean {
  const { boot, kernel, commandLine, bootLoader } = deps;
  const running = runningKernel(commandLine);
  if (sameKernel(kernel, boot.path(running))) {
    if (bootLoader === 'systemd-boot') bless(boot, running);
    return false;
  }
  const next = otherSlot(running);
  const whole = sameKernel(kernel, boot.path(next));
  if (whole && isGivenUp(deps, next)) return false;
  if (whole && isNamed(deps, next)) return true;
  boot.change(() => {
    // From here on nothing names that folder, so it may be half written.
    if (bootLoader === 'systemd-boot')
      for (const name of entriesOf(boot, next)) rmSync(boot.path(join(ENTRIES, name)));
    sync(boot.path('.'));
    if (!whole) copyKernel(kernel, boot.path(next));
    const args = kernelArgumentsFor(commandLine, next);
    if (bootLoader === 'raspberry-pi') {
      writeSynced(boot.path(`${next}/cmdline.txt`), `${args}\n`);
      boot.replace('config.txt', configTxt(next));
    } else
      boot.replace(join(ENTRIES, `coracle-${next}+${TRIES}.conf`), loaderEntry(next, newest(boot) + 1, args));
  });
  return true;
}

/** Which kernel the next boot begins with, by its folder. */
export function nextKernel(deps: KernelDeps): Slot {
  const other = otherSlot(runningKernel(deps.commandLine));
  if (deps.bootLoader === 'raspberry-pi') return isNamed(deps, other) ? other : otherSlot(other);
  const best = (['a', 'b'] as const)
    .flatMap((kernel) => entriesOf(deps.boot, kernel).map((name) => ({ kernel, name })))
    .filter(({ name }) => !name.includes('+0'))
    .sort((x, y) => versionOf(deps.boot, y.name) - versionOf(deps.boot, x.name))[0];
  return best?.kernel ?? otherSlot(other);
}

/** What the boot loader added is left out, the rest is kept: the disk's signature above all. */
export function kernelArgumentsFor(commandLine: string, kernel: Slot): string {
  const words = commandLine
    .trim()
    .split(/\s+/)
    .filter((word) => !/^(initrd|BOOT_IMAGE|coracle\.kernel)=/.test(word));
  return [...words, `coracle.kernel=${kernel}`].join(' ');
}

/** systemd-boot counts in the name; a kernel that brought a healthy system needs no count. */
function bless(boot: BootPartition, running: Slot): void {
  const counted = entriesOf(boot, running).find((name) => name !== `coracle-${running}.conf`);
  if (!counted) return;
  boot.change(() => {
    renameSync(boot.path(join(ENTRIES, counted)), boot.path(join(ENTRIES, `coracle-${running}.conf`)));
    sync(boot.path(ENTRIES));
  });
}

function isNamed({ boot, bootLoader }: KernelDeps, kernel: Slot): boolean {
  if (bootLoader === 'raspberry-pi') return boot.read('config.txt') === configTxt(kernel);
  return entriesOf(boot, kernel).length > 0;
}

/** Its tries ran out, `+0-3`: this system goes on with the kernel that does start. */
const isGivenUp = ({ boot }: KernelDeps, kernel: Slot): boolean =>
  entriesOf(boot, kernel).some((name) => name.includes('+0'));

const entriesOf = (boot: BootPartition, kernel: Slot): readonly string[] =>
  existsSync(boot.path(ENTRIES))
    ? readdirSync(boot.path(ENTRIES)).filter((name) =>
        new RegExp(`^coracle-${kernel}(\\+[-0-9]+)?\\.conf$`).test(name),
      )
    : [];

function newest(boot: BootPartition): number {
  const versions = (['a', 'b'] as const)
    .flatMap((kernel) => entriesOf(boot, kernel))
    .map((name) => versionOf(boot, name));
  return Math.max(0, ...versions);
}

const versionOf = (boot: BootPartition, name: string): number =>
  Number(/^version (\d+)$/m.exec(boot.read(join(ENTRIES, name)) ?? '')?.[1] ?? 0);

function copyKernel(from: string, to: string): void {
  rmSync(to, { recursive: true, force: true });
  mkdirSync(to);
  for (const name of readdirSync(from)) writeSynced(join(to, name), readFileSync(join(from, name)));
  sync(to);
}

function sameKernel(from: string, to: string): boolean {
  return readdirSync(from).every(
    (name) => existsSync(join(to, name)) && hash(join(from, name)) === hash(join(to, name)),
  );
}

const hash = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

function writeSynced(path: string, data: string | Uint8Array): void {
  const file = openSync(path, 'w');
  try {
    const bytes = Buffer.from(data);
    for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

function sync(folder: string): void {
  const handle = openSync(folder, 'r');
  fsyncSync(handle);
  closeSync(handle);
}
