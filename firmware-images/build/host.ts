/** What the machine that builds an image needs: Debian's packages, and to run another architecture's programs. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { Board } from '#firmware/boards/board.ts';
import { run } from './run.ts';

/** A program, and the package that brings it. */
const TOOLS: Readonly<Record<string, string>> = {
  mmdebstrap: 'mmdebstrap',
  mksquashfs: 'squashfs-tools',
  sfdisk: 'fdisk',
  mcopy: 'mtools',
  'mkfs.vfat': 'dosfstools',
  mke2fs: 'e2fsprogs',
  cpio: 'cpio',
  depmod: 'kmod',
  xz: 'xz-utils',
  zstd: 'zstd',
};
const FOREIGN: Readonly<Record<string, string>> = { 'qemu-aarch64-static': 'qemu-user-static' };

/** Of the machine, in Debian's words. */
export const HOST_ARCH = process.arch === 'x64' ? 'amd64' : 'arm64';

/** Installs what is missing, and says so. */
export async function prepareHost(board: Board, log: (line: string) => void): Promise<void> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0)
    throw new Error('an image is built on Debian, as root: its files belong to root and others');
  const foreign = board.arch !== HOST_ARCH;
  if (foreign && board.arch !== 'arm64')
    throw new Error(`an image for ${board.arch} is built on a machine of that kind`);
  await installTools(foreign ? { ...TOOLS, ...FOREIGN } : TOOLS, log);
  if (foreign) await registerEmulator(log);
}

/** Installs the packages of those programs that are missing. */
export async function installTools(
  tools: Readonly<Record<string, string>>,
  log: (line: string) => void,
): Promise<void> {
  const missing: string[] = [];
  for (const [tool, name] of Object.entries(tools))
    if (!(await has(tool)) && !missing.includes(name)) missing.push(name);
  if (missing.length === 0) return;
  log(`Debian packages: ${missing.join(' ')}`);
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  await run('apt-get', ['-qq', 'update'], { env }).catch(() => {});
  await run(
    'apt-get',
    [
      '-qq',
      '-o',
      'DPkg::Lock::Timeout=300',
      '-o',
      'Dpkg::Use-Pty=0',
      'install',
      '-y',
      '--no-install-recommends',
      ...missing,
    ],
    { env },
  );
}

async function has(tool: string): Promise<boolean> {
  if (tool.startsWith('/')) return existsSync(tool);
  return run('sh', ['-c', 'command -v "$1"', 'sh', tool]).then(
    () => true,
    () => false,
  );
}

const BINFMT = '/proc/sys/fs/binfmt_misc';

/** The kernel hands programs of arm64 to QEMU; for as long as this machine runs. */
async function registerEmulator(log: (line: string) => void): Promise<void> {
  if (!existsSync(`${BINFMT}/register`)) await run('mount', ['-t', 'binfmt_misc', 'binfmt_misc', BINFMT]);
  if (existsSync(`${BINFMT}/qemu-aarch64`)) return;
  log('programs of arm64 are run by qemu-user from now on');
  // Where systemd runs it reads the same file.
  writeFileSync(`${BINFMT}/register`, readFileSync('/usr/lib/binfmt.d/qemu-aarch64.conf', 'utf8').trim());
}
