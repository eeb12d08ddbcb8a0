import { join } from 'node:path';
import { SystemClock } from '#proto/meta/clock.ts';
import { createLogger, type Logger } from '#proto/meta/log.ts';
import { firstAddress } from '#proto/net/addresses.ts';
import { BoardTime } from '#proto/time/board-time.ts';
import { type IpRange, parseRanges } from '#server/apiserver/services/ip-range.ts';
import type { BackupSource } from '#server/backup/contents.ts';
import type { ServerOptions } from '#server/options.ts';
import { openPki, type Pki } from '#server/pki/pki.ts';
import { openStore } from '#server/store/open.ts';
import type { Store } from '#server/store/store.ts';

/** What all else stands on: what the operator wants, the time, the store, the keys. */
export interface Foundation {
  readonly options: ServerOptions;
  readonly log: Logger;
  readonly clock: SystemClock;
  readonly time: BoardTime;
  readonly store: Store;
  readonly storeDirectory: string;
  readonly keys: Keys;
  /** The addresses of Services, of the first family. */
  readonly services: IpRange;
  /** Where others reach this server. */
  readonly advertiseAddress: string;
  readonly backupSource: BackupSource;
}

interface Keys {
  /** Opens the files anew, which renews what is due. */
  readonly open: () => Pki;
  /** Renewed while the server runs, all but the CA and the key of service accounts. */
  current: Pki;
}

/** Opens what is in the data directory, made at the first start. Rejects as {@link openStore} does. */
export async function openFoundation(options: ServerOptions): Promise<Foundation> {
  const log = createLogger(options.logLevel);
  const clock = new SystemClock();
  const own = join(options.dataDir, 'server');
  const time = new BoardTime({ path: join(own, 'clock'), maySet: options.setClock === 'on', clock, log });
  await time.start();
  const storeDirectory = join(own, 'store');
  const store = await openStore({ directory: storeDirectory, clock, log });
  const pkiDirectory = join(own, 'pki');
  const [services] = parseRanges(options.serviceCidr);
  const advertiseAddress = options.advertiseAddress || firstAddress() || '127.0.0.1';
  const open = (): Pki =>
    openPki(pkiDirectory, {
      clusterDomain: options.clusterDomain,
      serviceIp: services.at(1),
      advertiseAddress,
      tlsSans: options.tlsSan,
      nodeName: options.nodeName,
      now: () => clock.now(),
    });
  const keys = { open, current: open() };
  const backupSource = {
    store,
    pkiDirectory,
    caHash: keys.current.caHash,
    nodeName: options.nodeName,
    now: () => clock.now(),
  };
  return {
    options,
    log,
    clock,
    time,
    store,
    storeDirectory,
    keys,
    services,
    advertiseAddress,
    backupSource,
  };
}
