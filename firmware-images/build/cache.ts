/** Results of slow stages, by a hash of all that went into them. Used ones are young; the oldest of a stage go. */
import { createHash, type Hash } from 'node:crypto';
import { mkdir, readdir, readFile, readlink, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';

const KEPT = 3;

export class Cache {
  readonly folder: string;
  readonly #log: (line: string) => void;

  constructor(folder: string, log: (line: string) => void) {
    this.folder = folder;
    this.#log = log;
  }

  /**
   * The path that `make` filled in for these inputs: now, or at an earlier time. `make` gets a path that does not exist yet, for
   * a file or a folder; it becomes visible only as a whole.
   */
  async get(stage: string, inputs: unknown, make: (path: string) => Promise<void>): Promise<string> {
    const key = hashOf(inputs).slice(0, 16);
    const folder = join(this.folder, stage);
    const path = join(folder, key);
    if (await exists(path)) {
      const now = new Date();
      await utimes(path, now, now);
      this.#log(`${stage}: as before`);
      return path;
    }
    await mkdir(folder, { recursive: true });
    const draft = join(folder, `.${key}.${process.pid}`);
    const since = performance.now();
    try {
      await make(draft);
      await rename(draft, path);
    } finally {
      await rm(draft, { recursive: true, force: true });
    }
    this.#log(`${stage}: ${((performance.now() - since) / 1000).toFixed(1)} s`);
    await this.#prune(folder);
    return path;
  }

  async #prune(folder: string): Promise<void> {
    const entries = await Promise.all(
      (await readdir(folder))
        .filter((name) => !name.startsWith('.'))
        .map(async (name) => ({ name, at: (await stat(join(folder, name))).mtimeMs })),
    );
    const old = entries.sort((a, b) => b.at - a.at).slice(KEPT);
    for (const { name } of old) await rm(join(folder, name), { recursive: true, force: true });
  }
}

/** Of anything that JSON can say. */
export const hashOf = (inputs: unknown): string =>
  createHash('sha256').update(JSON.stringify(inputs)).digest('hex');

/** Of every file below a folder: names, modes, contents. */
export async function hashFolder(folder: string): Promise<string> {
  const hash = createHash('sha256');
  await addFolder(hash, folder);
  return hash.digest('hex');
}

async function addFolder(hash: Hash, folder: string): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true });
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name);
    hash.update(`${entry.name}\0`);
    if (entry.isDirectory()) await addFolder(hash, path);
    else if (entry.isSymbolicLink()) hash.update(await readlink(path));
    else hash.update(`${(await stat(path)).mode}\0`).update(await readFile(path));
    hash.update('\0');
  }
}

export const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );
