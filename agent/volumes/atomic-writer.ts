/**
 * Files of a volume that change all at once under a running container. Rule: upstream's `pkg/volume/util/atomic_writer.go`:
 *
 *   key        -> ..data/key
 *   ..data     -> ..2026_11_20_20_48_04.123456789
 *   ..2026_…/key
 *
 * A reader sees the old set or the new one, because only the rename of `..data` changes what is seen. Idempotent: equal
 * content is not written again, and what a crash left over goes with the next write.
 */
import {
  chmod,
  chown,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  unlink,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Payload, PayloadFile } from './payload.plan.ts';
import { VolumeError } from './volume.ts';

const DATA = '..data';

export interface Owner {
  readonly fsGroup: number | undefined;
}

/** True when the files were changed. */
export async function writePayload(
  directory: string,
  payload: Payload,
  owner: Owner,
  now: number,
): Promise<boolean> {
  for (const path of payload.keys()) checkPath(path);
  await mkdir(directory, { recursive: true, mode: 0o755 });
  await chmod(directory, owner.fsGroup === undefined ? 0o777 : 0o2777);
  if (owner.fsGroup !== undefined) await chown(directory, -1, owner.fsGroup);
  const old = await readlink(join(directory, DATA)).catch(() => undefined);
  if (old !== undefined && (await isSame(join(directory, old), payload, owner))) {
    // A crash may have come between the swap and the links.
    await link(directory, payload);
    return false;
  }
  const fresh = await mkdtemp(join(directory, `..${timestamp(now)}.`));
  await chmod(fresh, owner.fsGroup === undefined ? 0o755 : 0o2755);
  if (owner.fsGroup !== undefined) await chown(fresh, -1, owner.fsGroup);
  for (const [path, file] of payload) await writeOne(fresh, path, file, owner);
  const temporary = join(directory, '..data_tmp');
  await rm(temporary, { force: true });
  await symlink(fresh.slice(directory.length + 1), temporary);
  await rename(temporary, join(directory, DATA));
  await link(directory, payload);
  await sweep(directory, payload, fresh.slice(directory.length + 1));
  return true;
}

async function writeOne(root: string, path: string, file: PayloadFile, owner: Owner): Promise<void> {
  const target = join(root, path);
  const folder = dirname(target);
  if (folder !== root) {
    await mkdir(folder, { recursive: true, mode: 0o755 });
    if (owner.fsGroup !== undefined) await chown(folder, -1, owner.fsGroup);
  }
  await writeFile(target, Buffer.from(file.content.data, file.content.encoding), { mode: 0o600 });
  if (owner.fsGroup !== undefined || file.uid !== undefined) {
    await chown(target, file.uid ?? -1, owner.fsGroup ?? -1);
  }
  // After the owner, which clears setuid and setgid; and past the umask.
  await chmod(target, modeOf(file, owner));
}

/** A group that was asked for must be able to read. */
function modeOf(file: PayloadFile, owner: Owner): number {
  return owner.fsGroup === undefined ? file.mode : file.mode | 0o440;
}

async function isSame(directory: string, payload: Payload, owner: Owner): Promise<boolean> {
  const files = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => undefined);
  if (files?.filter((entry) => !entry.isDirectory()).length !== payload.size) return false;
  for (const [path, file] of payload) {
    const target = join(directory, path);
    const found = await readFile(target).catch(() => undefined);
    if (!found?.equals(Buffer.from(file.content.data, file.content.encoding))) return false;
    const { mode, uid, gid } = await stat(target);
    if ((mode & 0o7777) !== modeOf(file, owner)) return false;
    if (uid !== (file.uid ?? uid) || gid !== (owner.fsGroup ?? gid)) return false;
  }
  return true;
}

/** What containers see: one link for each first part of a path. */
async function link(directory: string, payload: Payload): Promise<void> {
  for (const name of topNames(payload)) {
    const at = join(directory, name);
    const present = await lstat(at).catch(() => undefined);
    if (!present) await symlink(join(DATA, name), at);
  }
}

/** Links to what is gone, and every older set. */
async function sweep(directory: string, payload: Payload, current: string): Promise<void> {
  const wanted = new Set([...topNames(payload), DATA, current]);
  for (const name of await readdir(directory)) {
    if (wanted.has(name)) continue;
    if (name.startsWith('..')) await rm(join(directory, name), { recursive: true, force: true });
    else await unlink(join(directory, name));
  }
}

function topNames(payload: Payload): ReadonlySet<string> {
  return new Set([...payload.keys()].map((path) => path.split('/')[0] ?? path));
}

function checkPath(path: string): void {
  const parts = path.split('/');
  const bad = path === '' || path.startsWith('/') || path.length > 4096 || parts.includes('..');
  if (bad || parts[0]?.startsWith('..')) throw new VolumeError(`invalid path: ${path}`);
}

/** `2026_11_20_20_48_04` */
function timestamp(now: number): string {
  return new Date(now).toISOString().slice(0, 19).replace(/[-T:]/g, '_');
}
