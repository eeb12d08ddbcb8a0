import { StoredEntry } from '#server/store/entry.ts';
import { KeyIndex } from '#server/store/key-index.ts';
import type { Log } from '#server/store/log.ts';
import { DATA, META, parseMeta } from '#server/store/log-keys.ts';
import { decodeRecord } from '#server/store/record.ts';
import type { Entry } from '#server/store/store.ts';

/** What a log holds: the objects, where revisions go on, and the keys whose record is not whole. */
export interface Recovery {
  readonly index: KeyIndex<Entry>;
  readonly revision: number;
  readonly damaged: readonly string[];
  /** False for a log that no store has used yet. */
  readonly used: boolean;
}

/** Reads and verifies the whole log, once, at open. Revisions start at 1: 0 means "any" to clients. */
export async function recover(disk: Log): Promise<Recovery> {
  const index = new KeyIndex<Entry>();
  const damaged: string[] = [];
  const reserved = parseMeta(disk.read(META.reserved));
  let revision = reserved ?? 1;
  for await (const { key: logKey, value } of disk.scan(DATA)) {
    const key = logKey.slice(DATA.length);
    const record = decodeRecord(key, value);
    if (!record) {
      damaged.push(key);
      continue;
    }
    index.set(key, new StoredEntry(key, record.revision, record.bytes));
    revision = Math.max(revision, record.revision);
  }
  return { index, revision, damaged, used: reserved !== undefined || index.size > 0 };
}
