import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export async function makeFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true });
}

/** Writes only what differs: a write to a limit costs the kernel more than a read. */
export async function setFile(
  path: string,
  value: string | number,
  options: { readonly optional?: boolean } = {},
): Promise<void> {
  if ((await readText(path))?.trim() === String(value)) return;
  try {
    await writeFile(path, String(value));
  } catch (err) {
    if (!options.optional) throw new Error(`writing ${value} to ${path}`, { cause: err });
  }
}

export async function readNumber(path: string): Promise<number | undefined> {
  const text = await readText(path);
  return text === undefined ? undefined : Number(text);
}

/** Undefined for what is not there, or went while it was read. */
export async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (err) {
    const { code } = err as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENODEV' || code === 'ENOTDIR') return undefined;
    throw err;
  }
}

/** One of the processes of a cgroup. */
export async function firstPid(path: string): Promise<number | undefined> {
  const [pid] = ((await readText(join(path, 'cgroup.procs'))) ?? '').split('\n');
  return pid ? Number(pid) : undefined;
}

export async function childFolders(path: string): Promise<readonly string[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch((err: NodeJS.ErrnoException) => {
    if (err.code === 'ENOENT') return [];
    throw err;
  });
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
}

/** The files of a cgroup go with its folder, which only `rmdir` removes; deepest first. */
export async function removeTree(path: string): Promise<void> {
  for (const name of await childFolders(path)) await removeTree(join(path, name));
  try {
    await rmdir(path);
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code !== 'ENOENT') {
      throw new Error(`removing the cgroup ${path}`, { cause: err });
    }
  }
}
