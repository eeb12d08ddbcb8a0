import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { configTxt, loaderEntry } from '#firmware/image.plan.ts';
import { BootPartition } from './boot-partition.ts';
import { followKernel, kernelArgumentsFor, runningKernel } from './kernel-switch.ts';

const ARGS = 'console=ttyS0 coracle.disk=0a1b2c3d rw';

function aBoard(bootLoader: 'systemd-boot' | 'raspberry-pi') {
  const folder = mkdtempSync(join(tmpdir(), 'coracle-kernel-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const fat = join(folder, 'fat');
  const kernel = join(folder, 'kernel');
  for (const path of [join(fat, 'a'), join(fat, 'loader/entries'), kernel])
    mkdirSync(path, { recursive: true });
  const put = (path: string, version: string) => {
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, 'vmlinuz'), `kernel ${version}`);
    writeFileSync(join(path, 'initrd.img'), `initrd ${version}`);
  };
  put(join(fat, 'a'), '1');
  if (bootLoader === 'systemd-boot')
    writeFileSync(join(fat, 'loader/entries/coracle-a.conf'), loaderEntry('a', 1, ARGS));
  else writeFileSync(join(fat, 'config.txt'), configTxt('a'));
  const modes: string[] = [];
  const boot = new BootPartition(fat, (mode) => void modes.push(mode));
  const follow = (running: 'a' | 'b') =>
    followKernel({ boot, bootLoader, kernel, commandLine: `${ARGS} coracle.kernel=${running}` });
  const entries = () => readdirSync(join(fat, 'loader/entries')).sort();
  return {
    fat,
    kernel,
    put,
    follow,
    entries,
    modes,
    read: (path: string) => readFileSync(join(fat, path), 'utf8'),
  };
}

describe('systemd-boot', () => {
  it('leaves the boot partition alone while the kernel is the same', () => {
    const { kernel, put, follow, modes } = aBoard('systemd-boot');
    put(kernel, '1');
    expect(follow('a')).toBe(false);
    expect(modes).toEqual([]);
  });

  it('names a new kernel with tries, blesses it once it runs, and keeps the old one', () => {
    const { kernel, put, follow, entries, read, modes } = aBoard('systemd-boot');
    put(kernel, '2');
    expect(follow('a')).toBe(true);
    expect(entries()).toEqual(['coracle-a.conf', 'coracle-b+3.conf']);
    expect(read('loader/entries/coracle-b+3.conf')).toBe(loaderEntry('b', 2, `${ARGS} coracle.kernel=b`));
    expect([read('b/vmlinuz'), read('a/vmlinuz')]).toEqual(['kernel 2', 'kernel 1']);
    // Asked again before the next boot: nothing is written twice.
    const before = modes.length;
    expect(follow('a')).toBe(true);
    expect(modes).toHaveLength(before);
    expect(follow('b')).toBe(false);
    expect(entries()).toEqual(['coracle-a.conf', 'coracle-b.conf']);
    put(kernel, '3');
    expect(follow('b')).toBe(true);
    expect(entries()).toEqual(['coracle-a+3.conf', 'coracle-b.conf']);
    expect(read('loader/entries/coracle-a+3.conf')).toContain('version 3\n');
  });

  it('gives a kernel that ran out of tries new ones only with new files', () => {
    const { fat, kernel, put, follow, entries } = aBoard('systemd-boot');
    put(kernel, '2');
    follow('a');
    rmSync(join(fat, 'loader/entries/coracle-b+3.conf'));
    writeFileSync(join(fat, 'loader/entries/coracle-b+0-3.conf'), loaderEntry('b', 2, ARGS));
    expect(follow('a')).toBe(false);
    expect(entries()).toEqual(['coracle-a.conf', 'coracle-b+0-3.conf']);
    put(kernel, '3');
    expect(follow('a')).toBe(true);
    expect(entries()).toEqual(['coracle-a.conf', 'coracle-b+3.conf']);
  });
});

it('a Raspberry Pi boots what config.txt names', () => {
  const { kernel, put, follow, read } = aBoard('raspberry-pi');
  put(kernel, '2');
  expect(follow('a')).toBe(true);
  expect(read('config.txt')).toBe(configTxt('b'));
  expect(read('b/cmdline.txt')).toBe(`${ARGS} coracle.kernel=b\n`);
  expect(follow('b')).toBe(false);
});

it('keeps the arguments of the disk, and drops those of the boot loader', () => {
  const line = 'initrd=\\a\\initrd.img console=tty0 coracle.disk=0a1b2c3d coracle.kernel=a quiet\n';
  expect(runningKernel(line)).toBe('a');
  expect(kernelArgumentsFor(line, 'b')).toBe('console=tty0 coracle.disk=0a1b2c3d quiet coracle.kernel=b');
});
