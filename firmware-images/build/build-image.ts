/** All stages in order, from the name of a board to the files that are handed out. */
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import {
  createReadStream,
  createWriteStream,
  existsSync,
  mkdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { mkdir, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Board } from '#firmware/boards/board.ts';
import { planBom } from '#firmware/bom.plan.ts';
import { type ImagePlan, planImage, type Role } from '#firmware/image.plan.ts';
import { formatHead } from '#proto/upgrade/bundle.ts';
import { VERSION } from '#proto/version.ts';
import { Apt } from './apt.ts';
import { buildBase } from './base.ts';
import { Cache, hashOf } from './cache.ts';
import { assembleDisk } from './disk.ts';
import { prepareHost } from './host.ts';
import { buildInitrd } from './initrd.ts';
import { fetchFiles, fetchKernel } from './kernel.ts';
import { fetchNode } from './node-runtime.ts';
import { run } from './run.ts';
import { buildSystem } from './system.ts';

export interface BuildOptions {
  readonly board: Board;
  readonly role: Role;
  /** Of `coracle.yaml`; undefined: the image takes an example along. */
  readonly config: string | undefined;
  /** The sources. */
  readonly root: string;
  /** `dist/`, built. */
  readonly dist: string;
  readonly cacheFolder: string;
  readonly outputFolder: string;
  /** Ed25519, PEM: what upgrades are signed with; undefined: one is made and kept in the cache. */
  readonly signKey: string | undefined;
  /** Another one than that of the sources, to try an upgrade. */
  readonly version?: string;
  readonly log: (line: string) => void;
}

export interface BuiltImage {
  readonly plan: ImagePlan;
  readonly board: Board;
  readonly role: Role;
  /** Not compressed, for a virtual machine. */
  readonly disk: string;
  readonly system: string;
  /** The folder with the unpacked {@link Board.filePackages} and a static busybox. */
  readonly files: string;
  /** The private key, PEM. */
  readonly signKey: string;
  readonly bom: string;
  readonly version: string;
}

/** Up to the disk's bytes. */
export async function buildDisk(options: BuildOptions): Promise<BuiltImage> {
  const { board, role, config, root, dist, cacheFolder, log, version = VERSION } = options;
  await prepareHost(board, log);
  await mkdir(cacheFolder, { recursive: true });
  const cache = new Cache(cacheFolder, log);
  const epoch = await sourceDateEpoch(root);
  const apt = await Apt.open(join(cacheFolder, `apt-${board.arch}`), board.arch);
  const draft = planImage({ board, role, version, diskId: '00000000', config });
  const { tar, installed } = await buildBase({ ...draft, apt, cache, epoch });
  const kernel = await fetchKernel(board, apt, cache);
  const { tree: files, packages: filePackages } = await fetchFiles(board, apt, cache);
  const node = await fetchNode(root, board.arch, cache);
  const initrd = await buildInitrd(board, kernel, join(files, 'usr/bin/busybox'), epoch, cache);
  const signKey = options.signKey ?? ownKey(cacheFolder, log);
  const bom = planBom({
    name: draft.name,
    version,
    arch: board.arch,
    debian: [...installed, ...kernel.packages, ...filePackages],
    npm: bundledPackages(root),
    nodeVersion: node.version,
  });
  const upgradeKey = createPublicKey(createPrivateKey(signKey))
    .export({ type: 'spki', format: 'pem' })
    .toString();
  const system = await buildSystem({
    board,
    plan: draft,
    base: tar,
    kernel,
    initrd,
    files,
    node: node.path,
    dist,
    upgradeKey,
    bom,
    epoch,
    cache,
  });
  const diskId = hashOf([draft.name, system]).slice(0, 8);
  const plan = planImage({ board, role, version, diskId, config });
  const disk = await cache.get(
    `disk-${board.name}-${role}`,
    { plan, system, initrd, kernel, files, epoch },
    (output) => assembleDisk({ plan, diskId, system, kernel, initrd, files, epoch, cache, output }),
  );
  return { plan, board, role, disk, system, files, signKey, bom, version };
}

/** `NAME.img.xz`, its checksum and its bill of materials. */
export async function packImage(
  { plan, disk, bom }: BuiltImage,
  { outputFolder, log }: Pick<BuildOptions, 'outputFolder' | 'log'>,
): Promise<readonly string[]> {
  await mkdir(outputFolder, { recursive: true });
  const since = performance.now();
  const image = join(outputFolder, `${plan.name}.img`);
  // Quick, because nearly all of it is compressed already; two threads always, because their number shows in the result.
  await run('sh', ['-euc', 'xz -0 -T2 -c "$1" > "$2.xz.new" && mv "$2.xz.new" "$2.xz"', 'sh', disk, image]);
  log(`xz: ${((performance.now() - since) / 1000).toFixed(1)} s`);
  const bomFile = join(outputFolder, `${plan.name}.cdx.json`);
  await writeFile(bomFile, bom);
  const names = [`${plan.name}.img.xz`, `${plan.name}.cdx.json`];
  const sums = await Promise.all(
    names.map(async (name) => `${await sha256(join(outputFolder, name))}  ${name}\n`),
  );
  const sumFile = join(outputFolder, `${plan.name}.sha256`);
  await writeFile(`${sumFile}.new`, sums.join(''));
  await rename(`${sumFile}.new`, sumFile);
  const { size } = await stat(`${image}.xz`);
  log(`${image}.xz: ${(size / 1e6).toFixed(0)} MB`);
  return [`${image}.xz`, bomFile, sumFile];
}

/** Seconds since 1970: of the last commit, or what SOURCE_DATE_EPOCH says. */
export async function sourceDateEpoch(root: string): Promise<number> {
  const given = process.env['SOURCE_DATE_EPOCH'];
  if (given) return Number(given);
  const commit = await run('git', ['log', '-1', '--format=%ct', '--', 'firmware-images'], {
    cwd: root,
  }).catch(() => '');
  return Number(commit.trim()) || Math.floor(Date.UTC(2026, 0, 1) / 1000);
}

/** A key for images that one builds for oneself. Who hands images out keeps one of their own elsewhere. */
export function ownKey(cacheFolder: string, log: (line: string) => void): string {
  const path = join(cacheFolder, 'keys/upgrade.pem');
  if (existsSync(path)) return readFileSync(path, 'utf8');
  mkdirSync(join(cacheFolder, 'keys'), { recursive: true, mode: 0o700 });
  const pem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  writeFileSync(path, pem, { mode: 0o600 });
  log(`a key to sign upgrades with: ${path}; keep it, boards of these images believe no other`);
  return pem;
}

interface LockEntry {
  readonly version: string;
  readonly license?: string;
  readonly dev?: boolean;
}

/** What is not for development only may be in a bundle. */
function bundledPackages(root: string) {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<Record<string, LockEntry>>;
  };
  return Object.entries(lock.packages)
    .filter(([path, { dev }]) => path.startsWith('node_modules/') && !dev && !path.includes('node-linux-'))
    .map(([path, { version, license }]) => ({
      name: path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length),
      version,
      license,
    }));
}

/** What brings a board of the same kind to this version: `NAME.upgrade`. */
export async function packUpgrade(
  { plan, board, role, version, system, signKey }: BuiltImage,
  outputFolder: string,
): Promise<string> {
  await mkdir(outputFolder, { recursive: true });
  const path = join(outputFolder, `${plan.name}.upgrade`);
  const { size } = await stat(system);
  const manifest = {
    name: plan.name,
    version,
    board: board.name,
    role,
    sizeBytes: size,
    sha256: await sha256(system),
  };
  await writeFile(`${path}.new`, formatHead(manifest, createPrivateKey(signKey)));
  await pipeline(createReadStream(system), createWriteStream(`${path}.new`, { flags: 'a' }));
  await rename(`${path}.new`, path);
  return path;
}

export async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
