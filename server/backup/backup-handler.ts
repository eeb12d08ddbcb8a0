import type { ExtraHandler } from '#server/apiserver/http/app.ts';
import type { BackupSource } from './contents.ts';

/** Where `coracle backup` gets it: a path that only administrators of the whole cluster may read, for it has its keys. */
export const BACKUP_PATH = '/coracle/v1/backup';

export function backupHandler(source: BackupSource): ExtraHandler {
  return async ({ path, method }) => {
    if (path !== BACKUP_PATH || method !== 'GET') return undefined;
    const { backup } = await import('#server/backup/backup.ts');
    return { kind: 'chunks', code: 200, contentType: 'application/gzip', chunks: backup.open(source) };
  };
}
