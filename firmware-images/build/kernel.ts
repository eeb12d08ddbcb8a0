/** Kernel, firmware and boot loader: unpacked, never installed, for their scripts would build an initrd in emulation. */
import { glob, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Board } from '#firmware/boards/board.ts';
import type { Apt, ResolvedPackage } from './apt.ts';
import { type Cache, exists } from './cache.ts';
import { run } from './run.ts';

export interface Kernel {
  readonly version: string;
  /** `vmlinuz` as the boot loader takes it. */
  readonly image: string;
  /** The folder `kernel` with the modules, and the lists beside it. */
  readonly modules: string;
  /** The folder with the device trees; undefined where there are none. */
  readonly deviceTrees: string | undefined;
  readonly packages: readonly ResolvedPackage[];
}

/** Debian's `linux-image-ARCH` and what it needs of kernel. */
export async function fetchKernel(board: Board, apt: Apt, cache: Cache): Promise<Kernel> {
  const { package: name, suite } = board.kernel;
  const packages = (await apt.resolve([name], suite)).filter(({ name: found }) =>
    /^linux-(image|binary|modules|base)-\d/.test(found),
  );
  const tree = await unpack(`kernel-${board.arch}`, packages, apt, cache);
  const modulesFolder = join(
    tree,
    (await exists(join(tree, 'usr/lib/modules'))) ? 'usr/lib/modules' : 'lib/modules',
  );
  const [version] = await readdir(modulesFolder);
  if (!version) throw new Error(`${name}: no modules in ${packages.map((p) => p.name).join(', ')}`);
  const modules = join(modulesFolder, version);
  const candidates = [join(tree, `boot/vmlinuz-${version}`), join(modules, 'vmlinuz')];
  const image = (await firstThere(candidates)) ?? candidates[0] ?? '';
  const trees = [join(modules, 'dtb'), join(tree, `usr/lib/linux-image-${version}`)];
  return { version, image, modules, deviceTrees: await firstThere(trees), packages };
}

/** The board's file packages, unpacked over each other. */
export async function fetchFiles(
  board: Board,
  apt: Apt,
  cache: Cache,
): Promise<{ readonly tree: string; readonly packages: readonly ResolvedPackage[] }> {
  const wanted = new Set([...board.filePackages, 'busybox-static']);
  const packages = (await apt.resolve([...wanted])).filter(({ name }) => wanted.has(name));
  return { tree: await unpack(`files-${board.arch}`, packages, apt, cache), packages };
}

async function unpack(
  stage: string,
  packages: readonly ResolvedPackage[],
  apt: Apt,
  cache: Cache,
): Promise<string> {
  return cache.get(stage, packages, async (path) => {
    const scratch = await mkdtemp(join(cache.folder, '.debs-'));
    try {
      const tree = join(scratch, 'tree');
      for (const deb of await apt.download(packages, join(scratch, 'debs')))
        await run('dpkg-deb', ['-x', deb, tree]);
      await rename(tree, path);
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  });
}

/** Paths below `root` that a glob matches, sorted. Rejects when there are none. */
export async function matches(root: string, pattern: string): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const path of glob(pattern, { cwd: root })) found.push(path);
  if (found.length === 0) throw new Error(`nothing is called ${pattern}`);
  return found.sort();
}

async function firstThere(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) if (await exists(path)) return path;
  return undefined;
}
