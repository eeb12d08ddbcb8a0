/** Carries out what `--fix` repairs. Each keeps what it changes, and says what it did. */
import { execFile } from 'node:child_process';
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { writeFileAtomic } from '#proto/meta/atomic-file.ts';
import type { Fix } from './checks.plan.ts';
import { withoutSwap } from './fstab.plan.ts';

const run = promisify(execFile);

export type Run = (program: string, args: readonly string[]) => Promise<unknown>;

export const runProgram: Run = (program, args) =>
  run(program, args, { timeout: 15 * 60_000, env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } });

type Fixers = {
  readonly [T in Fix['type']]: (fix: Extract<Fix, { type: T }>, root: string, run: Run) => Promise<string>;
};

const FIXERS: Fixers = {
  bootLine: async ({ file, text }, root) => {
    const path = join(root, file);
    await keep(path);
    // The firmware reads it before there is a system that could mend half a file.
    writeFileAtomic(path, `${text}\n`, 0o644);
    return `${file} is changed, the old one is kept as ${file}.before-coracle: reboot`;
  },
  modules: async ({ names }, root, run) => {
    await put(join(root, 'etc/modules-load.d/coracle.conf'), `${names.join('\n')}\n`);
    for (const name of names) await run('modprobe', [name]);
    return `${names.join(', ')} loaded, and with each boot (/etc/modules-load.d/coracle.conf)`;
  },
  sysctls: async ({ values }, root, run) => {
    const lines = Object.entries(values).map(([name, value]) => `${name} = ${value}\n`);
    const file = join(root, 'etc/sysctl.d/90-coracle.conf');
    await put(file, lines.join(''));
    await run('sysctl', ['-q', '-p', file]);
    return `${Object.keys(values).join(', ')} set, and with each boot (/etc/sysctl.d/90-coracle.conf)`;
  },
  packages: async ({ names }, _root, run) => {
    await run('apt-get', ['update', '-q']);
    await run('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...names]);
    return `${names.join(', ')} installed`;
  },
  clock: async (_fix, _root, run) => {
    await run('timedatectl', ['set-ntp', 'true']);
    return 'the clock is synchronised from now on';
  },
  swapOff: async (_fix, root, run) => {
    await run('swapoff', ['-a']);
    // Raspberry Pi OS makes its swap file anew at each boot, by one of these.
    for (const service of ['dphys-swapfile.service', 'rpi-setup-loop@var-swap.service'])
      await run('systemctl', ['disable', '--now', service]).catch(() => undefined);
    const path = join(root, 'etc/fstab');
    const before = await readFile(path, 'utf8').catch(() => '');
    const after = withoutSwap(before);
    if (after !== before) {
      await keep(path);
      writeFileAtomic(path, after, 0o644);
    }
    return 'swap is off, now and at each boot';
  },
};

/** Gives what was done, in a sentence; rejects where it could not be. */
export function applyFix(fix: Fix, root: string, run: Run): Promise<string> {
  // Each entry takes the fix of its own type; the table's type has made sure of it.
  return (FIXERS[fix.type] as (fix: Fix, root: string, run: Run) => Promise<string>)(fix, root, run);
}

/** The first copy stays: a second run must not take the changed file for the old one. */
async function keep(path: string): Promise<void> {
  await copyFile(path, `${path}.before-coracle`, 1).catch((err: NodeJS.ErrnoException) => {
    if (err.code !== 'EEXIST') throw err;
  });
}

async function put(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}
