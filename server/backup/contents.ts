import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { timestamp } from '#proto/meta/timestamp.ts';
import { KUBERNETES_VERSION, VERSION } from '#proto/version.ts';
import type { Store } from '#server/store/store.ts';
import type { BackupContents, BackupFile } from './archive.ts';

export interface BackupSource {
  readonly store: Pick<Store, 'range' | 'revision'>;
  /** The server's folder of keys and certificates. */
  readonly pkiDirectory: string;
  readonly caHash: string;
  readonly nodeName: string;
  readonly now: () => number;
}

/**
 * All that makes the cluster, as it is at this instant: the list of objects is taken at once, and what is written while
 * they are read changes none of them.
 */
export function backupContents({ store, pkiDirectory, caHash, nodeName, now }: BackupSource): BackupContents {
  const { entries, revision } = store.range({ prefix: '' });
  return {
    header: {
      format: 'coracle-backup',
      version: 1,
      createdAt: timestamp(now()),
      coracle: VERSION,
      kubernetes: KUBERNETES_VERSION,
      server: nodeName,
      caHash,
      revision,
    },
    files: keyFiles(pkiDirectory),
    objects: entries,
  };
}

function keyFiles(directory: string): BackupFile[] {
  return readdirSync(directory)
    .filter((name) => !name.endsWith('.new'))
    .map((file) => {
      const path = join(directory, file);
      return { file, mode: statSync(path).mode & 0o777, text: readFileSync(path, 'utf8') };
    });
}

/** `coracle-pi4-20261129T031500Z.backup`: names of one server sort by time. */
export const backupName = (nodeName: string, ms: number): string =>
  `${backupPrefix(nodeName)}${timestamp(ms).replace(/[-:]/g, '')}.backup`;

export const backupPrefix = (nodeName: string): string => `coracle-${nodeName}-`;

/** The names that are one too many: the oldest of this server's. */
export function outdated(names: readonly string[], nodeName: string, keep: number): string[] {
  const prefix = backupPrefix(nodeName);
  const own = names.filter(
    (name) => name.startsWith(prefix) && /^\d{8}T\d{6}Z\.backup$/.test(name.slice(prefix.length)),
  );
  return own.sort().slice(0, Math.max(0, own.length - keep));
}
