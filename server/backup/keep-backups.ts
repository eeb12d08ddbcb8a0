import { secrets } from '#proto/api/core/secrets.ts';
import type { Clock } from '#proto/meta/clock.ts';
import type { Logger } from '#proto/meta/log.ts';
import type { ObjectReader } from '#server/apiserver/authn/object-reader.ts';
import type { EventRecorder } from '#server/client/events.ts';
import type { BackupSource } from './contents.ts';

/** In `kube-system`: what a bucket asks for, and the passphrase that seals backups. Each is needed only where it is. */
export const BACKUP_SECRET = 'coracle-backup';

export interface KeepBackupsOptions {
  readonly source: BackupSource;
  /** `''`: none are made. */
  readonly place: string;
  readonly cron: string;
  readonly keep: number;
  readonly endpoint: string;
  readonly region: string;
  readonly reader: ObjectReader;
  readonly events: EventRecorder;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Makes backups on a schedule until the signal; failures are events of the Secret's namespace. */
export async function keepBackups(options: KeepBackupsOptions, signal: AbortSignal): Promise<void> {
  const { reader, place, endpoint, region, events } = options;
  if (!place) return;
  const { backup } = await import('#server/backup/backup.ts');
  const about = { apiVersion: 'v1', kind: 'Secret', namespace: 'kube-system', name: BACKUP_SECRET };
  await backup.run(
    {
      ...options,
      target: async () => {
        const data = reader.get(secrets, 'kube-system', BACKUP_SECRET)?.data ?? {};
        const text = (name: string): string | undefined => {
          const value = data[name];
          return value === undefined ? undefined : Buffer.from(value, 'base64').toString().trim();
        };
        const access = {
          endpoint,
          region,
          accessKeyId: text('access-key-id'),
          secretAccessKey: text('secret-access-key'),
          ca: text('ca.crt'),
        };
        return { target: backup.targetOf({ place, access }), passphrase: text('passphrase') };
      },
      done: (failure) => {
        if (failure === undefined) return;
        const message = `No backup was made in ${place}: ${failure}`;
        events.event(about, { type: 'Warning', reason: 'BackupFailed', message });
      },
    },
    signal,
  );
}
