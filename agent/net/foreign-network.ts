/**
 * A network that somebody else installs. Its installer puts configuration and programs where all of Kubernetes looks, while the
 * board's own containerd has folders of its own: what appears there is brought over, and what goes, goes.
 */
import { type FSWatcher, mkdirSync, watch } from 'node:fs';
import { copyFile, lstat, readdir, readFile, readlink, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '#proto/meta/log.ts';

export interface ForeignFolders {
  /** `/etc/cni/net.d` */
  readonly configurations: string;
  /** `/opt/cni/bin`, and where distributions put theirs; the first that has a program of a name wins. */
  readonly programs: readonly string[];
  /** The runtime's own. */
  readonly confDir: string;
  readonly binDir: string;
}

const CONFIGURATION = /\.(conf|conflist|json)$/;
/** Before a copy's name: what is ours to remove. */
const COPY = 'installed-';
const SETTLE_MS = 200;

export class ForeignNetwork {
  readonly #folders: ForeignFolders;
  readonly #log: Logger;
  #watcher: FSWatcher | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** The last round: one at a time, and none is under way when its traces are removed. */
  #round: Promise<void> = Promise.resolve();

  constructor(folders: ForeignFolders, log: Logger) {
    this.#folders = folders;
    this.#log = log;
  }

  /** Brings over what is there, and from now on what changes. Calling it again does nothing. */
  async follow(): Promise<void> {
    if (this.#watcher) return;
    const { configurations } = this.#folders;
    mkdirSync(configurations, { recursive: true });
    // Not the programs: whoever installs a network puts them in place before what names them.
    this.#watcher = watch(configurations, { persistent: false }, () => this.#later()).on('error', (err) =>
      this.#log.warn('the folder of networks is not watched any more', { folder: configurations, err }),
    );
    await this.#next();
  }

  /** The network is the cluster's own (again). */
  async leave(): Promise<void> {
    this.stop();
    await this.#round.catch(() => undefined);
    const { confDir } = this.#folders;
    for (const name of await namesIn(confDir)) if (name.startsWith(COPY)) await rm(join(confDir, name));
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#watcher?.close();
    this.#watcher = undefined;
  }

  /** An installer writes in pieces. */
  #later(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#next().catch((err: unknown) => this.#log.error('a network was not brought over', { err }));
    }, SETTLE_MS);
  }

  #next(): Promise<void> {
    this.#round = this.#round.catch(() => undefined).then(() => this.#bringOver());
    return this.#round;
  }

  async #bringOver(): Promise<void> {
    const { configurations, programs, confDir, binDir } = this.#folders;
    await gatherPrograms(programs, binDir);
    const wanted = (await namesIn(configurations)).filter((name) => CONFIGURATION.test(name));
    for (const name of await namesIn(confDir))
      if (name.startsWith(COPY) && !wanted.includes(name.slice(COPY.length))) await rm(join(confDir, name));
    for (const name of wanted) {
      const from = join(configurations, name);
      const to = join(confDir, `${COPY}${name}`);
      const text = await readFile(from, 'utf8').catch(() => undefined);
      if (text === undefined || text === (await readFile(to, 'utf8').catch(() => undefined))) continue;
      await copyFile(from, to);
      this.#log.info('a network that was installed is used', { configuration: from });
    }
  }
}

/** One folder with links to the programs of all: the runtime looks into no more than one. */
export async function gatherPrograms(folders: readonly string[], binDir: string): Promise<void> {
  mkdirSync(binDir, { recursive: true });
  const wanted = new Map<string, string>();
  for (const folder of folders)
    for (const name of await namesIn(folder)) if (!wanted.has(name)) wanted.set(name, join(folder, name));
  for (const name of await namesIn(binDir)) if (!wanted.has(name)) await rm(join(binDir, name));
  for (const [name, target] of wanted) {
    const link = join(binDir, name);
    if ((await readlink(link).catch(() => undefined)) === target) continue;
    if (await lstat(link).catch(() => undefined)) await rm(link);
    await symlink(target, link);
  }
}

const namesIn = (folder: string): Promise<string[]> => readdir(folder).catch(() => []);
