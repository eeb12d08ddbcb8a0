import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';

/** Where backups go: a folder, or a bucket. Names are those of `backupName`. */
export interface BackupTarget {
  /** For people. */
  readonly place: string;
  /** Whole or not at all. */
  put(name: string, chunks: AsyncIterable<Uint8Array>): Promise<void>;
  get(name: string): AsyncIterable<Uint8Array>;
  list(): Promise<readonly string[]>;
  remove(name: string): Promise<void>;
}

/** A folder, best not on the card of the server: a USB stick, a mount of a NAS. */
export class FolderTarget implements BackupTarget {
  readonly place: string;

  constructor(folder: string) {
    this.place = folder;
  }

  async put(name: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    await mkdir(this.place, { recursive: true, mode: 0o700 });
    await writeWhole(join(this.place, name), chunks);
  }

  get(name: string): AsyncIterable<Uint8Array> {
    return createReadStream(join(this.place, name));
  }

  async list(): Promise<readonly string[]> {
    return readdir(this.place);
  }

  async remove(name: string): Promise<void> {
    await rm(join(this.place, name), { force: true });
  }
}

/** Writes a file that only its owner can read: beside its place, synced, then renamed. */
export async function writeWhole(path: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  const draft = `${path}.part`;
  try {
    await pipeline(chunks, createWriteStream(draft, { mode: 0o600, flush: true }));
    await rename(draft, path);
  } catch (err) {
    await rm(draft, { force: true });
    throw err;
  }
  const folder = await open(dirname(path), 'r');
  await folder.sync().finally(() => folder.close());
}
