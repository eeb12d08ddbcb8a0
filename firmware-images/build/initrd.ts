/** The initrd: busybox, the modules to reach a disk, and `initrd/init`. Made without the board's own programs. */
import { chmod, copyFile, cp, mkdir, mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Board } from '#firmware/boards/board.ts';
import { type Cache, exists, hashFolder } from './cache.ts';
import type { Kernel } from './kernel.ts';
import { shell } from './run.ts';

const INIT = join(import.meta.dirname, '../initrd');

/** Decompressed modules, since the whole is compressed once more; sorted, without owners and times. */
const PACK_SCRIPT = `
cd "$1"
find . -name '*.ko.xz' -print0 | xargs -0 -r -P2 -n64 xz -d
find . -name '*.ko.zst' -print0 | xargs -0 -r -P2 -n64 zstd -q -d --rm
depmod -b usr "$2" 2>/dev/null || depmod -b . "$2"
rm -f "usr/lib/modules/$2"/modules.builtin.modinfo
find . -print0 | xargs -0 touch -h -d "@$3"
find . -print0 | LC_ALL=C sort -z | cpio -0 -o -H newc --owner 0:0 --reproducible --quiet | zstd -q -15 -T2 -f -o "$4"
`;

export async function buildInitrd(
  board: Board,
  kernel: Kernel,
  busybox: string,
  epoch: number,
  cache: Cache,
): Promise<string> {
  const inputs = {
    init: await hashFolder(INIT),
    modules: board.initrdModules,
    packages: kernel.packages,
    epoch,
    PACK_SCRIPT,
  };
  return cache.get(`initrd-${board.name}`, inputs, async (path) => {
    const tree = await mkdtemp(join(cache.folder, '.initrd-'));
    try {
      const folders = [
        'bin',
        'dev',
        'proc',
        'sys',
        'run',
        'lower',
        'data',
        `usr/lib/modules/${kernel.version}`,
      ];
      for (const folder of folders) await mkdir(join(tree, folder), { recursive: true });
      await symlink('usr/lib', join(tree, 'lib'));
      await symlink('bin', join(tree, 'sbin'));
      await copyFile(busybox, join(tree, 'bin/busybox'));
      await symlink('busybox', join(tree, 'bin/sh'));
      // Where the kernel itself looks for modprobe.
      await symlink('../bin', join(tree, 'usr/sbin'));
      await copyFile(join(INIT, 'init'), join(tree, 'init'));
      await chmod(join(tree, 'init'), 0o755);
      const modules = join(tree, 'usr/lib/modules', kernel.version);
      for (const wanted of board.initrdModules) await copyModule(kernel, wanted, modules);
      for (const name of ['modules.builtin', 'modules.order', 'modules.builtin.modinfo'])
        if (await exists(join(kernel.modules, name)))
          await copyFile(join(kernel.modules, name), join(modules, name));
      await shell(PACK_SCRIPT, [tree, kernel.version, String(epoch), path]);
    } finally {
      await rm(tree, { recursive: true, force: true });
    }
  });
}

/** A folder of modules, or one by its name without `.ko`; what this kernel has built in or lacks is left out. */
async function copyModule(kernel: Kernel, wanted: string, target: string): Promise<void> {
  const from = join(kernel.modules, 'kernel', wanted);
  const to = join(target, 'kernel', wanted);
  await mkdir(dirname(to), { recursive: true });
  if (await exists(from)) return cp(from, to, { recursive: true });
  const folder = dirname(from);
  if (!(await exists(folder))) return;
  const name = wanted.slice(wanted.lastIndexOf('/') + 1);
  for (const file of await readdir(folder))
    if (file.startsWith(`${name}.ko`)) await copyFile(join(folder, file), join(dirname(to), file));
}
