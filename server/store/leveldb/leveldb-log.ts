import { statfs } from 'node:fs/promises';
import { Level } from 'level';
import {
  after,
  DIGEST_KEY,
  type Digest,
  decodeDigest,
  EMPTY,
  encodeDigest,
  fits,
  including,
} from '#server/store/leveldb/digest.ts';
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
  #digest: Digest;
  #torn = false;

  private constructor(directory: string, db: Database) {
    this.#directory = directory;
    this.#db = db;
    this.#digest = decodeDigest(db.getSync(DIGEST_KEY));
  }

  /** Rejects with the binding's error; its `cause.code` says what happened (`LEVEL_LOCKED`, …). */
  static async open(directory: string, options: { readonly create: boolean }): Promise<LevelLog> {
    return new LevelLog(directory, await openDatabase(directory, options.create));
  }

  async append(batch: readonly LogOperation[], options: { readonly sync: boolean }): Promise<void> {
    if (this.#torn) await this.#reopen();
    const digest = after(this.#digest, batch, (key) => this.#db.getSync(key));
    const operations = [...batch, { key: DIGEST_KEY, value: encodeDigest(digest) }].map(({ key, value }) =>
      value === undefined ? { type: 'del' as const, key } : { type: 'put' as const, key, value },
    );
    try {
      await this.#db.batch(operations, options);
      this.#digest = digest;
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
        for (const [key, value] of chunk) if (key !== DIGEST_KEY) yield { key, value };
      }
    } finally {
      await iterator.close();
    }
  }

  /** Reads everything: is it what the last batch left? `accept` makes what is there the truth. */
  async verify(options: { readonly accept: boolean }): Promise<boolean> {
    let found = EMPTY;
    for await (const { key, value } of this.scan('')) found = including(found, key, value);
    if (fits(found, this.#digest)) return true;
    if (options.accept) {
      this.#digest = found;
      await this.append([], { sync: true });
    }
    return false;
  }

  async close(): Promise<void> {
    await this.#db.close();
  }

  async #reopen(): Promise<void> {
    const { bavail, bsize } = await statfs(this.#directory);
    if (bavail * bsize < REOPEN_FREE_BYTES) throw new Error(`no space left on device for ${this.#directory}`);
    await this.#db.close();
    this.#db = await openDatabase(this.#directory, false);
    // The batch that failed may be there: what it left is where the digest goes on.
    this.#digest = decodeDigest(this.#db.getSync(DIGEST_KEY));
    this.#torn = false;
  }
}

async function openDatabase(directory: string, create: boolean): Promise<Database> {
  const db: Database = new Level(directory, { ...OPTIONS, createIfMissing: create });
  await db.open();
  return db;
}
