import { execFile, spawn } from 'node:child_process';
import { readFile, readlink } from 'node:fs/promises';
import { promisify } from 'node:util';
import {
  type DeviceMount,
  deviceMount,
  formatArguments,
  type MountRequest,
  mountArguments,
  planDevice,
} from './mount.plan.ts';

/** Mounts of the board's own namespace, which the runtime shares. */
export interface Mounter {
  /** Options as `mount -o` takes them. */
  mountTmpfs(target: string, options: readonly string[]): Promise<void>;
  /** At a folder that exists. Rejects with what `mount` says, or with the signal's reason: then nobody mounts any more. */
  mount(request: MountRequest, signal?: AbortSignal): Promise<void>;
  /** The files of a block device, at a folder that exists; an empty device is given a file system first. */
  mountDevice(request: DeviceMount): Promise<void>;
  /** Mounts what the open file descriptor refers to, whatever its path leads to by now. */
  bindDescriptor(descriptor: number, target: string): Promise<void>;
  /** Resolves also where it could not be seen to the end: what is still mounted is in the table. */
  unmount(target: string): Promise<void>;
  /** Every mount point at or below a folder, the deepest first. */
  mountsBelow(folder: string): Promise<readonly string[]>;
}

/**
 * Runs a command of the board; rejects with an error that has `code` and `stderr` where it fails. Called off, it ends with
 * whatever it has started.
 */
export type Run = (
  file: string,
  args: readonly string[],
  signal?: AbortSignal,
) => Promise<{ readonly stdout: string }>;

const execute = promisify(execFile);

export const runCommand: Run = (file, args, signal) =>
  signal ? runGroup(file, args, signal) : execute(file, args);

/** A killed process may still wait in the kernel, where nothing reaches it: nobody waits for it longer than this. */
const DYING_MS = 1000;

const LEAVE_MS = 10_000;

/** `mount` leaves the work to a helper, which would go on alone: both are of one process group, and killed as that. */
function runGroup(file: string, args: readonly string[], signal: AbortSignal): Promise<{ stdout: string }> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const child = spawn(file, args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    const said = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const)
      child[name].on('data', (chunk: Buffer) => {
        said[name] += chunk.toString();
      });
    const kill = (): void => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      } catch {
        // All of the group have ended; somebody who left it, as a daemon does, still has the output.
      }
      setTimeout(() => reject(signal.reason), DYING_MS).unref();
    };
    signal.addEventListener('abort', kill, { once: true });
    child.once('error', reject);
    child.once('close', (code) => {
      signal.removeEventListener('abort', kill);
      if (signal.aborted) reject(signal.reason);
      else if (code === 0) resolve({ stdout: said.stdout });
      else reject(Object.assign(new Error(`Command failed: ${file}`), { code, stderr: said.stderr }));
    });
  });
}

/** With the board's `mount` and `umount`, and the kernel's own table of mounts. */
export class LinuxMounter implements Mounter {
  readonly #run: Run;
  readonly #leaveMs: number;

  constructor(run: Run = runCommand, leaveMs: number = LEAVE_MS) {
    this.#run = run;
    this.#leaveMs = leaveMs;
  }

  mountTmpfs(target: string, options: readonly string[]): Promise<void> {
    return this.mount({ type: 'tmpfs', source: 'tmpfs', target, options: ['nosuid', 'nodev', ...options] });
  }

  async mount(request: MountRequest, signal?: AbortSignal): Promise<void> {
    await this.#run('mount', mountArguments(request), signal).catch((err: unknown) => {
      signal?.throwIfAborted();
      throw new Error(`mount failed: ${saidBy(err)}`, { cause: err });
    });
  }

  async mountDevice(request: DeviceMount): Promise<void> {
    const { device, fsType } = request;
    const plan = planDevice(request, await this.#contentOf(device));
    if (typeof plan === 'object') throw new Error(plan.refused);
    if (plan === 'format') await this.#run(`mkfs.${fsType}`, formatArguments(request));
    else if (!request.readOnly && fsType.startsWith('ext')) await this.#check(device);
    await this.mount(deviceMount(request));
  }

  async #contentOf(device: string): Promise<string> {
    const args = ['-p', '-s', 'TYPE', '-s', 'PTTYPE', '-o', 'export', device];
    try {
      return (await this.#run('blkid', args)).stdout;
    } catch (err) {
      // It found nothing that it knows.
      if (codeOf(err) === 2) return '';
      throw err;
    }
  }

  /** A power cut leaves its traces: 1 is "repaired", 4 is "could not". */
  async #check(device: string): Promise<void> {
    await this.#run('fsck', ['-a', device]).catch((err: unknown) => {
      if (codeOf(err) === 4)
        throw new Error(`'fsck' found errors on device ${device} but could not correct them`, { cause: err });
    });
  }

  async bindDescriptor(descriptor: number, target: string): Promise<void> {
    // Not canonicalized: else the command would walk the path again, and a symlink put there meanwhile would win.
    const source = `/proc/${process.pid}/fd/${descriptor}`;
    await this.#run('mount', ['--no-canonicalize', '--bind', source, target]);
  }

  async unmount(target: string): Promise<void> {
    // Off the tree at once; but whoever lets go of an export last takes leave of its server, and waits for one that is away.
    const late = AbortSignal.timeout(this.#leaveMs);
    await this.#run('umount', ['--lazy', '--no-canonicalize', target], late).catch((err: unknown) => {
      if (!late.aborted) throw err;
    });
  }

  async mountsBelow(folder: string): Promise<readonly string[]> {
    return parseMountPoints(await readFile('/proc/self/mountinfo', 'utf8'))
      .filter((point) => point === folder || point.startsWith(`${folder}/`))
      .reverse();
  }
}

const codeOf = (err: unknown): unknown => (err as { code?: unknown }).code;

function saidBy(err: unknown): string {
  const { stderr, message } = err as { stderr?: string; message?: string };
  return stderr?.trim() || String(message ?? err);
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

/** Remembers what would be mounted: for units, which may not have the right to mount. A server named `silent` never answers. */
export class FakeMounter implements Mounter {
  readonly mounts = new Map<string, string>();

  async mountTmpfs(target: string, options: readonly string[]): Promise<void> {
    this.mounts.set(target, `tmpfs ${options.join(',')}`);
  }

  async mount({ type, source, target, options }: MountRequest, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (source.startsWith('silent:'))
      await new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
    this.mounts.set(target, `${type} ${source} ${options.join(',')}`);
  }

  async mountDevice({ device, target, fsType, readOnly }: DeviceMount): Promise<void> {
    this.mounts.set(target, `${fsType} ${device} ${readOnly ? 'ro' : 'rw'}`);
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
