import type { Clock } from '#proto/meta/clock.ts';
import { systemClock } from '#proto/meta/clock.ts';
import type { Logger } from '#proto/meta/log.ts';
import { silent } from '#proto/meta/log.ts';
import { KeyIndex } from '#server/store/key-index.ts';
import { openLevelLog } from '#server/store/leveldb/open-level-log.ts';
import { MemoryLog } from '#server/store/memory/memory-log.ts';
import { RevisionStore, type StoreLimits } from '#server/store/revision-store.ts';
import type { Store } from '#server/store/store.ts';

/**
 * Opens the database of a server, creating it at the first start. Rejects with `StoreLocked` while another
 * process has it, with `StoreCorrupted` where it can be neither read nor repaired.
 */
export async function openStore(options: {
  readonly directory: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly limits?: Partial<StoreLimits>;
}): Promise<Store> {
  const { directory, clock, log, limits } = options;
  const { disk, recovered } = await openLevelLog(directory, log);
  const store = new RevisionStore(disk, recovered, { clock, log, ...(limits ? { limits } : {}) });
  try {
    await store.start();
  } catch (err) {
    await disk.close();
    throw err;
  }
  return store;
}

/** A store that forgets with its process: for tests and trials. It needs no opening. */
export function createMemoryStore(
  options: { readonly clock?: Clock; readonly log?: Logger; readonly limits?: Partial<StoreLimits> } = {},
): Store {
  const { clock = systemClock, log = silent, limits } = options;
  const store = new RevisionStore(
    new MemoryLog(),
    { index: new KeyIndex(), revision: 1 },
    { clock, log, ...(limits ? { limits } : {}) },
  );
  void store.start();
  return store;
}
