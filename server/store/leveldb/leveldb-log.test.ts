import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silent } from '#proto/meta/log.ts';
import { LevelLog } from '#server/store/leveldb/leveldb-log.ts';
import { describeLog } from '#server/store/log.case.ts';
import { openStore } from '#server/store/open.ts';
import { describeStore } from '#server/store/store.case.ts';

const aDirectory = (): Promise<string> => mkdtemp(join(tmpdir(), 'coracle-store-'));
const remove = (directory: string) => (): Promise<void> => rm(directory, { recursive: true });

describeLog('LevelDB', { durable: true }, async () => {
  const directory = await aDirectory();
  return {
    log: await LevelLog.open(directory, { create: true }),
    reopen: () => LevelLog.open(directory, { create: false }),
    cleanup: remove(directory),
  };
});

describeStore('LevelDB', async (clock) => {
  const directory = await aDirectory();
  return { store: await openStore({ directory, clock, log: silent }), cleanup: remove(directory) };
});
