/** The FAT partition that people see. Mounted read-only but for the moment of a write, so that a power cut finds it at rest. */
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';

export const BOOT_PARTITION = '/boot/firmware';

export class BootPartition {
  readonly #folder: string;
  readonly #remount: (mode: 'ro' | 'rw') => void;

  /** Tests give a plain folder and a `remount` that does nothing. */
  constructor(folder = BOOT_PARTITION, remount = remountWith(folder)) {
    this.#folder = folder;
    this.#remount = remount;
  }

  read(name: string): string | undefined {
    const path = join(this.#folder, name);
    return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
  }

  exists(name: string): boolean {
    return existsSync(join(this.#folder, name));
  }

  path(name: string): string {
    return join(this.#folder, name);
  }

  /** Writes nothing where the text is there already. */
  put(name: string, text: string): void {
    if (this.read(name) === text) return;
    this.change(() => this.replace(name, text));
  }

  remove(name: string): void {
    if (this.exists(name)) this.change(() => rmSync(join(this.#folder, name), { force: true }));
  }

  /** Writable while `work` runs; all of it is on the card when this returns. */
  change<T>(work: () => T): T {
    this.#remount('rw');
    try {
      return work();
    } finally {
      this.#remount('ro');
    }
  }

  /** Within {@link change}: a new file, synced, takes the place of the old one. */
  replace(name: string, data: string | Uint8Array): void {
    const path = join(this.#folder, name);
    const file = openSync(`${path}.new`, 'w');
    try {
      const bytes = typeof data === 'string' ? Buffer.from(data) : data;
      for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(`${path}.new`, path);
    const folder = openSync(this.#folder, 'r');
    fsyncSync(folder);
    closeSync(folder);
  }
}

const remountWith = (folder: string) => (mode: 'ro' | 'rw') => {
  if (mode === 'ro') execFileSync('sync', ['-f', folder]);
  execFileSync('mount', ['-o', `remount,${mode}`, folder]);
};
