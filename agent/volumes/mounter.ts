import { execFile } from 'node:child_process';
import { readFile, readlink } from 'node:fs/promises';
import { promisify } from 'node:util';

/** Mounts of the board's own namespace, which the runtime shares. */
export interface Mounter {
  /** Options as `mount -o` takes them. */
  mountTmpfs(target: string, options: readonly string[]): Promise<void>;
  /** Mounts what the open file descriptor refers to, whatever its path leads to by now. */
  bindDescriptor(descriptor: number, target: string): Promise<void>;
  unmount(target: string): Promise<void>;
  /** Every mount point at or below a folder, the deepest first. */
  mountsBelow(folder: string): Promise<readonly string[]>;
}

const run = promisify(execFile);

/** With the board's `mount` and `umount`, and the kernel's own table of mounts. */
export class LinuxMounter implements Mounter {
  async mountTmpfs(target: string, options: readonly string[]): Promise<void> {
    await run('mount', ['-t', 'tmpfs', '-o', ['nosuid', 'nodev', ...options].join(','), 'tmpfs', target]);
  }

  async bindDescriptor(descriptor: number, target: string): Promise<void> {
    // Not canonicalized: else the command would walk the path again, and a symlink put there meanwhile would win.
    await run('mount', ['--no-canonicalize', '--bind', `/proc/${process.pid}/fd/${descriptor}`, target]);
  }

  async unmount(target: string): Promise<void> {
    await run('umount', ['--lazy', '--no-canonicalize', target]);
  }

  async mountsBelow(folder: string): Promise<readonly string[]> {
    return parseMountPoints(await readFile('/proc/self/mountinfo', 'utf8'))
      .filter((point) => point === folder || point.startsWith(`${folder}/`))
      .reverse();
  }
}

/** Field 5 of each line, with the octal escapes of space, tab, newline and backslash undone; in mount order. */
export function parseMountPoints(mountinfo: string): readonly string[] {
  return mountinfo
    .split('\n')
    .map((line) => line.split(' ')[4])
    .filter((point) => point !== undefined)
    .map((point) =>
      point.replace(/\\([0-7]{3})/g, (_, code: string) => String.fromCharCode(parseInt(code, 8))),
    );
}

/** Remembers what would be mounted: for units, which may not have the right to mount. */
export class FakeMounter implements Mounter {
  readonly mounts = new Map<string, string>();

  async mountTmpfs(target: string, options: readonly string[]): Promise<void> {
    this.mounts.set(target, `tmpfs ${options.join(',')}`);
  }

  async bindDescriptor(descriptor: number, target: string): Promise<void> {
    this.mounts.set(target, `bind ${await readlink(`/proc/self/fd/${descriptor}`)}`);
  }

  async unmount(target: string): Promise<void> {
    this.mounts.delete(target);
  }

  async mountsBelow(folder: string): Promise<readonly string[]> {
    return [...this.mounts.keys()].filter((at) => at === folder || at.startsWith(`${folder}/`)).reverse();
  }
}
