/** The system: Debian's base, our files, the kernel's modules, Coracle and its Node, as one squashfs. */
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Board } from '#firmware/boards/board.ts';
import type { ImagePlan } from '#firmware/image.plan.ts';
import { type Cache, hashFolder, hashOf } from './cache.ts';
import { type Kernel, matches } from './kernel.ts';
import { run, shell } from './run.ts';

const ROOTFS = join(import.meta.dirname, '../rootfs');

export interface SystemOptions {
  readonly board: Board;
  readonly plan: ImagePlan;
  readonly base: string;
  readonly kernel: Kernel;
  readonly initrd: string;
  /** Unpacked {@link Board.filePackages}. */
  readonly files: string;
  readonly node: string;
  /** `dist/`. */
  readonly dist: string;
  /** PEM of the key that upgrades are signed with. */
  readonly upgradeKey: string;
  readonly bom: string;
  readonly epoch: number;
  readonly cache: Cache;
}

/** Debian's leftovers that a read-only system never uses, and identities that each board makes for itself. */
const CLEAN_SCRIPT = `
cd "$1"
rm -rf var/cache/* var/lib/apt var/log/* usr/share/doc-base usr/lib/udev/hwdb.d usr/lib/udev/hwdb.bin
rm -rf boot/* tmp/* run/* var/tmp/* home/* etc/ssh/ssh_host_* etc/machine-id var/lib/dbus/machine-id etc/.pwd.lock etc/.resolv.conf.*
rm -rf var/lib/dpkg var/lib/systemd/deb-systemd-helper-* usr/share/perl5 usr/share/info usr/share/common-licenses/*.gz
rm -rf etc/systemd/system/*.wants etc/systemd/system/*.service etc/systemd/system/*.target etc/rc*.d etc/init.d
rm -rf etc/nftables.conf etc/mosquitto/conf.d/* etc/network usr/lib/valgrind
find . -xdev \\( -name '*.dpkg-old' -o -name '*.dpkg-dist' -o -name __pycache__ \\) -exec rm -rf {} +
mkdir -p etc/systemd/system-generators
ln -sfn /dev/null etc/systemd/system-generators/systemd-ssh-generator
mkdir -p data boot/firmware lower mnt etc/coracle var/log var/cache
: > etc/fstab
: > etc/machine-id
printf '127.0.0.1 localhost\\n::1 localhost\\n' > etc/hosts
echo coracle > etc/hostname
ln -sfn /run/coracle-resolv.conf etc/resolv.conf
ln -sfn /proc/self/mounts etc/mtab
# Nobody logs in with a password.
sed -i 's/^root:[^:]*:/root:*:/' etc/shadow
rm -f etc/shadow- etc/passwd- etc/group- etc/gshadow-
touch etc/.updated var/.updated
`;

/** Times are clamped to the epoch, so that the same inputs give the same bytes. */
const SQUASH_SCRIPT = `
find "$1" -newermt "@$3" -print0 | xargs -0 -r touch -h -d "@$3"
mksquashfs "$1" "$2" -comp zstd -Xcompression-level 6 -b 131072 -noappend -quiet -no-progress -processors 2 -wildcards -e 'proc/*' 'sys/*' 'dev/*'
`;

export async function buildSystem(options: SystemOptions): Promise<string> {
  const { board, plan, base, kernel, initrd, files, node, dist, upgradeKey, bom, epoch, cache } = options;
  const inputs = {
    base,
    kernel: kernel.packages,
    initrd,
    files,
    node,
    dist: await readFile(join(dist, '.inputs'), 'utf8'),
    rootfs: await hashFolder(ROOTFS),
    plan: { ...plan, bootFiles: [] },
    dropped: board.droppedModules,
    systemFiles: board.systemFiles,
    upgradeKey,
    bom: hashOf(bom),
    epoch,
    scripts: [CLEAN_SCRIPT, SQUASH_SCRIPT],
  };
  return cache.get(`system-${board.name}`, inputs, async (path) => {
    const root = await mkdtemp(join(cache.folder, '.system-'));
    try {
      await run('tar', ['-C', root, '--numeric-owner', '--xattrs', '--xattrs-include=*', '-xf', base]);
      await shell(CLEAN_SCRIPT, [root]);
      await cp(ROOTFS, root, { recursive: true });
      await addModules(board, kernel, root);
      for (const pattern of board.systemFiles) {
        for (const file of await matches(files, pattern)) {
          await mkdir(dirname(join(root, file)), { recursive: true });
          await cp(join(files, file), join(root, file), { recursive: true, verbatimSymlinks: true });
        }
      }
      await addCoracle(root, { dist, node, arch: board.arch });
      const boot = join(root, 'usr/lib/coracle/boot');
      await mkdir(boot);
      await cp(kernel.image, join(boot, 'vmlinuz'));
      await cp(initrd, join(boot, 'initrd.img'));
      if (kernel.deviceTrees)
        for (const pattern of board.deviceTrees)
          for (const file of await matches(join(kernel.deviceTrees, 'broadcom'), pattern))
            await cp(join(kernel.deviceTrees, 'broadcom', file), join(boot, file));
      for (const [to, text] of Object.entries(plan.systemFiles)) await writeFile(join(root, to), text);
      await writeFile(join(root, 'usr/lib/coracle/upgrade-key.pem'), upgradeKey);
      await writeFile(join(root, 'usr/lib/coracle/bom.json'), bom);
      await enableUnits(root, plan);
      await shell(SQUASH_SCRIPT, [root, path, String(epoch)], { env: { SOURCE_DATE_EPOCH: String(epoch) } });
    } finally {
      await rm(root, { recursive: true, force: true });
    }
  });
}

async function addModules(board: Board, kernel: Kernel, root: string): Promise<void> {
  const target = join(root, 'usr/lib/modules', kernel.version);
  await mkdir(dirname(target), { recursive: true });
  const dropped = board.droppedModules.map((path) => join(kernel.modules, 'kernel', path));
  const beside = ['build', 'source', 'vmlinuz', 'config', 'dtb'].map((name) => join(kernel.modules, name));
  const left = new Set([...dropped, ...beside]);
  await cp(kernel.modules, target, { recursive: true, filter: (path) => !left.has(path) });
  await run('depmod', ['-b', join(root, 'usr'), kernel.version]).catch(() =>
    run('depmod', ['-b', root, kernel.version]),
  );
}

/** What `dist/` has for this architecture. */
export async function addCoracle(
  root: string,
  { dist, node, arch }: { readonly dist: string; readonly node: string; readonly arch: Board['arch'] },
): Promise<void> {
  const target = join(root, 'usr/lib/coracle');
  const otherImages = join(dist, 'images', arch === 'amd64' ? 'arm64' : 'amd64');
  const otherNative = join(dist, 'prebuilds', arch === 'amd64' ? 'linux-arm64.node' : 'linux-x64.node');
  const left = new Set([otherImages, otherNative, join(dist, '.inputs'), join(dist, 'sizes.json')]);
  await cp(dist, target, { recursive: true, filter: (path) => !left.has(path) && !path.endsWith('.map') });
  await mkdir(join(target, 'bin'), { recursive: true });
  await cp(node, join(target, 'bin/node'));
  await run('chmod', ['755', join(target, 'bin/node')]);
}

async function enableUnits(root: string, { enabled, masked }: ImagePlan): Promise<void> {
  const folder = join(root, 'etc/systemd/system');
  for (const [unit, target] of Object.entries(enabled)) {
    await mkdir(join(folder, `${target}.wants`), { recursive: true });
    await run('ln', ['-sfn', `/usr/lib/systemd/system/${unit}`, join(folder, `${target}.wants`, unit)]);
  }
  for (const unit of masked) await run('ln', ['-sfn', '/dev/null', join(folder, unit)]);
}
