/** A program of its own beside server and command: what backups need is loaded for a backup and for nothing else. */
import { buffer } from 'node:stream/consumers';
import type { Logger } from '#proto/meta/log.ts';
import { type BackupHeader, readArchive, writeArchive } from './archive.ts';
import { type BackupSource, backupContents, backupName } from './contents.ts';
import { openTarget, type S3Access } from './place.ts';
import { type Restored, restoreBackup } from './restore.ts';
import { runBackups } from './schedule.ts';
import { seal, unseal } from './seal.ts';

/** What a backup is of, how much is in it, and where it is. */
export interface Checked {
  readonly header: BackupHeader;
  readonly files: number;
  readonly objects: number;
  /** As it lies there: compressed, sealed where it is. */
  readonly bytes: number;
}

export interface Place {
  /** A folder or `s3://BUCKET/PREFIX`. */
  readonly place: string;
  readonly access: S3Access;
  readonly passphrase: string | undefined;
}

export const backup = {
  /** The archive of a running server, for whoever may have it. */
  open: (source: BackupSource): AsyncIterable<Uint8Array> => writeArchive(backupContents(source)),

  run: runBackups,

  targetOf: ({ place, access }: Omit<Place, 'passphrase'>) => openTarget(place, access),

  /** Reads an archive to its end, checks it, and puts it in its place under a name of its own. */
  async save(archive: AsyncIterable<Uint8Array>, to: Place): Promise<Checked & { readonly name: string }> {
    const whole = await buffer(archive);
    const checked = await check(once(whole), undefined);
    const name = backupName(checked.header.server, Date.parse(checked.header.createdAt));
    const target = openTarget(to.place, to.access);
    await target.put(name, to.passphrase === undefined ? once(whole) : seal(once(whole), to.passphrase));
    return { ...checked, name };
  },

  /** The backups in a place, the oldest first. */
  async list(from: Place): Promise<readonly string[]> {
    const names = await openTarget(from.place, from.access).list();
    return names.filter((name) => name.endsWith('.backup')).sort();
  },

  /** Throws a `BackupError` for one that can't be restored. */
  check: (from: Place, name: string): Promise<Checked> =>
    check(openTarget(from.place, from.access).get(name), from.passphrase),

  restore(
    from: Place,
    name: string,
    to: { readonly dataDir: string; readonly force: boolean; readonly log: Logger },
  ): Promise<Restored> {
    const sealed = openTarget(from.place, from.access).get(name);
    return restoreBackup({ archive: unseal(sealed, from.passphrase), ...to });
  },
};

async function check(chunks: AsyncIterable<Uint8Array>, passphrase: string | undefined): Promise<Checked> {
  let bytes = 0;
  let header: BackupHeader | undefined;
  const counts = { files: 0, objects: 0 };
  async function* counted(): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      bytes += chunk.length;
      yield chunk;
    }
  }
  for await (const item of readArchive(unseal(counted(), passphrase))) {
    if (item.type === 'header') header = item.header;
    else if (item.type === 'file') counts.files++;
    else counts.objects++;
  }
  return { header: header as BackupHeader, ...counts, bytes };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
