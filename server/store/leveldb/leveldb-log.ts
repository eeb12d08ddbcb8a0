import { statfs } from 'node:fs/promises';
import { Level } from 'level';
import type { Log, LogOperation, LogRecord } from '#server/store/log.ts';

/** Objects live in memory above, so LevelDB's own caches would hold everything twice. */
const OPTIONS = {
  keyEncoding: 'utf8',
  valueEncoding: 'view',
  cacheSize: 512 * 1024,
  maxOpenFiles: 64,
  // Fewer and larger table files: each compaction writes what it reads once more.
  writeBufferSize: 4 * 1024 * 1024,
} as const;

/** Below this a failed database is not opened again: opening writes a table of what the log held. */
const REOPEN_FREE_BYTES = 3 * OPTIONS.writeBufferSize;

type Database = Level<string, Uint8Array>;

/**
 * A log in a LevelDB directory. After a failed write LevelDB's log may end in half a record, and what it
 * appends behind that could be lost at recovery; so the database is opened anew before the next write, which
 * reads the log up to the tear and starts a fresh one.
 */
export class LevelLog implements Log {
  readonly #directory: string;
  #db: Database;
  #torn = false;

  private constructor(directory: string, db: Database) {
    this.#directory = directory;
    this.#db = db;
  }

  /** Rejects with the binding's error; its `cause.code` says what happened (`LEVEL_LOCKED`, …). */
  static async open(directory: string, options: { readonly create: boolean }): Promise<LevelLog> {
    return new LevelLog(directory, await openDatabase(directory, options.create));
  }

  async append(batch: readonly LogOperation[], options: { readonly sync: boolean }): Promise<void> {
    if (this.#torn) await this.#reopen();
    const operations = batch.map(({ key, value }) =>
      value === undefined ? { type: 'del' as const, key } : { type: 'put' as const, key, value },
    );
    try {
      await this.#db.batch(operations, options);
    } catch (err) {
      this.#torn = true;
      throw err;
    }
  }

  read(key: string): Uint8Array | undefined {
    return this.#db.getSync(key);
  }

  async *scan(prefix: string): AsyncGenerator<LogRecord> {
    const iterator = this.#db.iterator({ gte: prefix, lt: `${prefix}\u{10ffff}`, fillCache: false });
    try {
      for (;;) {
        const chunk = await iterator.nextv(500);
        if (chunk.length === 0) return;
        for (const [key, value] of chunk) yield { key, value };
      }
    } finally {
      await iterator.close();
    }
  }

  async close(): Promise<void> {
    await this.#db.close();
  }

  async #reopen(): Promise<void> {
    const { bavail, bsize } = await statfs(this.#directory);
    if (bavail * bsize < REOPEN_FREE_BYTES) throw new Error(`no space left on device for ${this.#directory}`);
    await this.#db.close();
    this.#db = await openDatabase(this.#directory, false);
    this.#torn = false;
  }
}

async function openDatabase(directory: string, create: boolean): Promise<Database> {
  const db: Database = new Level(directory, { ...OPTIONS, createIfMissing: create });
  await db.open();
  return db;
}
