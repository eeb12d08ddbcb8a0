/**
 * `subPath` without a way out of the volume. A container that runs can replace a folder by a symlink at any time, so a
 * path that was checked says nothing: each part is opened below the one before it, following no link, and what is
 * mounted is the open file itself. Rule: upstream's `pkg/volume/util/subpath/subpath_linux.go`.
 */
import { constants } from 'node:fs';
import { chmod, type FileHandle, mkdir, open, realpath, stat, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import type { Mounter } from './mounter.ts';
import { VolumeError } from './volume.ts';

const O_PATH = 0o10000000;
const OPEN = O_PATH | constants.O_NOFOLLOW;

/** Makes `target` show `volumePath/subPath`, which is created as a folder where nothing is. Idempotent. */
export async function bindSubPath(
  mounter: Mounter,
  volumePath: string,
  subPath: string,
  target: string,
): Promise<void> {
  if (subPath.startsWith('/') || subPath.split('/').includes('..')) {
    throw new VolumeError(`subPath "${subPath}" must be a relative path without ".."`);
  }
  if ((await mounter.mountsBelow(target)).includes(target)) return;
  const base = await realpath(volumePath);
  // Links inside of the volume are followed here, once; what they lead to must lie inside.
  const resolved = await resolveExisting(
    base,
    subPath.split('/').filter((part) => part !== '' && part !== '.'),
  );
  const file = await openBelow(base, resolved, (await stat(base)).mode & 0o7777);
  try {
    const isDirectory = (await file.stat()).isDirectory();
    await mkdir(isDirectory ? target : dirname(target), { recursive: true, mode: 0o750 });
    if (!isDirectory) await writeFile(target, '', { flag: 'a' });
    await mounter.bindDescriptor(file.fd, target);
  } finally {
    await file.close();
  }
}

/** The parts of the path below `base`, with the links of what exists already resolved. */
async function resolveExisting(base: string, parts: readonly string[]): Promise<readonly string[]> {
  for (let count = parts.length; count > 0; count--) {
    const real = await realpath(join(base, ...parts.slice(0, count))).catch((err: NodeJS.ErrnoException) => {
      if (err.code === 'ENOENT') return undefined;
      throw err;
    });
    if (real === undefined) continue;
    const inside = relative(base, real);
    if (inside === '..' || inside.startsWith('../')) {
      throw new VolumeError(`subpath "${parts.join('/')}" not within volume path "${base}"`);
    }
    return [...inside.split('/').filter((part) => part !== ''), ...parts.slice(count)];
  }
  return parts;
}

async function openBelow(base: string, parts: readonly string[], mode: number): Promise<FileHandle> {
  let current = await open(base, OPEN | constants.O_DIRECTORY);
  try {
    for (const part of parts) {
      const below = `/proc/self/fd/${current.fd}/${part}`;
      let next = await openNoLink(below);
      const isNew = !next;
      if (isNew) {
        await mkdir(below, { mode });
        next = await openNoLink(below);
      }
      if (!next) throw new VolumeError(`"${part}" disappeared while it was opened`);
      await current.close();
      current = next;
      if ((await current.stat()).isSymbolicLink()) {
        throw new VolumeError(`unexpected symlink found in subpath: "${parts.join('/')}"`);
      }
      // As the volume's own root, whatever our umask took of it: of what was opened, not of what is there by now.
      if (isNew) await chmod(`/proc/self/fd/${current.fd}`, mode);
    }
    return current;
  } catch (err) {
    await current.close();
    throw err;
  }
}

/** With O_PATH and O_NOFOLLOW a link is opened as itself, never followed. */
async function openNoLink(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, OPEN);
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw err;
  }
}
