import { existsSync } from 'node:fs';
import { cp, mkdir, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Level } from 'level';
import type { Logger } from '#proto/meta/log.ts';
import { LevelLog } from '#server/store/leveldb/leveldb-log.ts';
import { type Recovery, recover } from '#server/store/recover.ts';
import { StoreCorrupted, StoreLocked } from '#server/store/store-error.ts';

/** Says that a database was made here: from then on an empty one means damage, not a first start. */
const MARKER = 'coracle-store';

/** Revisions that a repair skips: the newest may have been in the part that was lost. */
const REPAIR_SKIP = 100_000;

export interface OpenedLog {
  readonly disk: LevelLog;
  readonly recovered: Recovery;
}

/**
 * Opens and verifies. A damaged database is copied aside (`damaged-1`, …) and repaired; what
 * a repair cannot bring back is lost loudly, and where nothing or something broken is left the server does
 * not start, so that nobody mistakes it for an empty one. There is no checkpoint beside the database: it would be
 * written again and again, and `coracle backup` makes better ones, off the card.
 */
export async function openLevelLog(directory: string, log: Logger): Promise<OpenedLog> {
  await mkdir(directory, { recursive: true });
  const isFirst = !(await readdir(directory)).includes(MARKER);
  const database = join(directory, 'leveldb');
  const attempt = await openVerified(database, { create: isFirst, accept: false });
  if (attempt.ok) {
    if (isFirst) await createMarker(directory);
    return attempt.opened;
  }
  if (attempt.code === 'LEVEL_LOCKED') throw new StoreLocked(directory, attempt.cause);
  if (attempt.code === 'LEVEL_IO_ERROR') {
    throw new Error(`cannot open the database in ${directory}: ${attempt.what}`, { cause: attempt.cause });
  }
  const copy = await copyAside(directory, database);
  log.error('the database is damaged, repairing it', { directory, what: attempt.what, copy });
  try {
    await repair(database);
  } catch (err) {
    throw new StoreCorrupted(directory, `${attempt.what}, and the repair failed`, err);
  }
  const repaired = await openVerified(database, { create: false, accept: true });
  if (!repaired.ok) {
    throw new StoreCorrupted(directory, `${attempt.what}, after a repair: ${repaired.what}`, repaired.cause);
  }
  const { disk, recovered } = repaired.opened;
  log.error('the database was repaired, recent writes may be lost', {
    directory,
    objects: recovered.index.size,
    copy,
  });
  return { disk, recovered: { ...recovered, revision: recovered.revision + REPAIR_SKIP } };
}

type Attempt =
  | { readonly ok: true; readonly opened: OpenedLog }
  | { readonly ok: false; readonly code: string; readonly what: string; readonly cause?: unknown };

async function openVerified(
  database: string,
  options: { readonly create: boolean; readonly accept: boolean },
): Promise<Attempt> {
  const { create, accept } = options;
  let disk: LevelLog;
  try {
    disk = await LevelLog.open(database, { create });
  } catch (err) {
    return { ok: false, ...describe(err) };
  }
  try {
    const recovered = await recover(disk);
    if (recovered.damaged.length > 0) {
      const some = recovered.damaged.slice(0, 3).join(', ');
      throw new Error(`${recovered.damaged.length} objects are not whole: ${some}`);
    }
    if (!create && !recovered.used) throw new Error('it is empty, and was not');
    if (!(await disk.verify({ accept })) && !accept) throw new Error('a part of it is missing');
    return { ok: true, opened: { disk, recovered } };
  } catch (err) {
    await disk.close();
    return { ok: false, ...describe(err) };
  }
}

function describe(err: unknown): { code: string; what: string; cause: unknown } {
  // The binding's error comes wrapped: "Database failed to open", with the reason as its cause.
  const reason = err instanceof Error && err.cause instanceof Error ? err.cause : err;
  const code = reason instanceof Error && 'code' in reason ? String(reason.code) : 'LEVEL_CORRUPTION';
  return { code, what: reason instanceof Error ? reason.message : String(reason), cause: err };
}

async function createMarker(directory: string): Promise<void> {
  const file = await open(join(directory, MARKER), 'w', 0o600);
  await file.writeFile('1\n');
  await file.sync();
  await file.close();
  const parent = await open(directory, 'r');
  await parent.sync();
  await parent.close();
}

/** `level` types what all of its databases have; LevelDB's own part is there, untyped. */
const repair = (location: string): Promise<void> =>
  (Level as unknown as { repair(location: string): Promise<void> }).repair(location);

async function copyAside(directory: string, database: string): Promise<string> {
  const taken = new Set(await readdir(directory));
  let number = 1;
  while (taken.has(`damaged-${number}`)) number++;
  const copy = join(directory, `damaged-${number}`);
  if (existsSync(database)) await cp(database, copy, { recursive: true });
  return copy;
}
