import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { syncFolder, writeFileAtomic } from '#proto/meta/atomic-file.ts';
import type { Logger } from '#proto/meta/log.ts';
import { openLevelLog } from '#server/store/leveldb/open-level-log.ts';
import type { LogOperation } from '#server/store/log.ts';
import { DATA, META, metaValue } from '#server/store/log-keys.ts';
import { encodeRecord } from '#server/store/record.ts';
import { BackupError, type BackupHeader, readArchive } from './archive.ts';

/**
 * Revisions that a restored server skips. Clients know those after the backup: a watch that goes on from one of them must
 * be told to list again, not be given what has the same number now.
 */
const RESTORE_SKIP = 1_000_000;
const BATCH = 500;

export interface RestoreOptions {
  /** Unsealed. */
  readonly archive: AsyncIterable<Uint8Array>;
  readonly dataDir: string;
  /** Puts aside what is there, instead of refusing. */
  readonly force: boolean;
  readonly log: Logger;
}

export interface Restored {
  readonly header: BackupHeader;
  readonly files: number;
  readonly objects: number;
  /** Where the server's data before the restore is now. */
  readonly aside: string | undefined;
}

/**
 * Makes the server's data of a backup. It is built beside its place, read again and checked, and then put there in one
 * step: a power cut or a damaged backup leaves what was there before. Throws a {@link BackupError} for a backup that can't
 * be used, `StoreLocked` while the server runs.
 */
export async function restoreBackup({ archive, dataDir, force, log }: RestoreOptions): Promise<Restored> {
  const place = join(dataDir, 'server');
  const draft = join(dataDir, 'server.restoring');
  if (existsSync(join(place, 'store'))) {
    await refuseWhileRunning(join(place, 'store'), log);
    if (!force)
      throw new Error(
        `${place} has a cluster already: "--force" puts it aside, and nothing of it is lost; or give another --data-dir`,
      );
  }
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { recursive: true, mode: 0o700 });
  try {
    const built = await buildServerData(archive, draft, log);
    const aside = putInPlace(place, draft);
    syncFolder(dataDir);
    return { ...built, aside };
  } catch (err) {
    rmSync(draft, { recursive: true, force: true });
    throw err;
  }
}

async function buildServerData(
  archive: AsyncIterable<Uint8Array>,
  draft: string,
  log: Logger,
): Promise<Omit<Restored, 'aside'>> {
  let header: BackupHeader | undefined;
  const counts = { files: 0, objects: 0 };
  const { disk } = await openLevelLog(join(draft, 'store'), log);
  try {
    let batch: LogOperation[] = [];
    for await (const item of readArchive(archive)) {
      if (item.type === 'header') {
        header = item.header;
      } else if (item.type === 'file') {
        counts.files++;
        writeFileAtomic(
          join(draft, 'pki', item.file),
          item.text,
          item.mode & 0o700 ? 0o600 : item.mode & 0o600,
        );
      } else {
        counts.objects++;
        batch.push({ key: DATA + item.key, value: encodeRecord(item.key, item.revision, item.bytes) });
      }
      if (batch.length < BATCH) continue;
      await disk.append(batch, { sync: false });
      batch = [];
    }
    if (!header) throw new BackupError('the backup is empty');
    const reserved = { key: META.reserved, value: metaValue(header.revision + RESTORE_SKIP) };
    await disk.append([...batch, reserved], { sync: true });
  } finally {
    await disk.close();
  }
  const { disk: again, recovered } = await openLevelLog(join(draft, 'store'), log);
  await again.close();
  if (recovered.index.size !== counts.objects)
    throw new Error(
      `${counts.objects} objects were written and ${recovered.index.size} read: is the card broken?`,
    );
  return { header, ...counts };
}

async function refuseWhileRunning(store: string, log: Logger): Promise<void> {
  const { disk } = await openLevelLog(store, log);
  await disk.close();
}

function putInPlace(place: string, draft: string): string | undefined {
  let aside: string | undefined;
  if (existsSync(place)) {
    let number = 1;
    while (existsSync(`${place}.before-restore-${number}`)) number++;
    aside = `${place}.before-restore-${number}`;
    renameSync(place, aside);
  }
  renameSync(draft, place);
  return aside;
}
