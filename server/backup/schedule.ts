import { Cron } from 'croner';
import type { Clock } from '#proto/meta/clock.ts';
import type { Logger } from '#proto/meta/log.ts';
import { writeArchive } from './archive.ts';
import { type BackupSource, backupContents, backupName, outdated } from './contents.ts';
import { seal } from './seal.ts';
import type { BackupTarget } from './targets.ts';

export interface ScheduleOptions {
  readonly source: BackupSource;
  /** Asked each time: its credentials may have changed. */
  readonly target: () => Promise<{ readonly target: BackupTarget; readonly passphrase: string | undefined }>;
  /** Five fields, local time. */
  readonly cron: string;
  /** How many of this server's backups are kept. */
  readonly keep: number;
  readonly clock: Clock;
  readonly log: Logger;
  /** Told of each try; the message says what went wrong. */
  readonly done: (failure: string | undefined) => void;
}

const RETRY_MS = 15 * 60_000;
const STEP_MS = 60 * 60_000;

/** Makes backups by the schedule until the signal. One that fails is tried again after 15 minutes. */
export async function runBackups(options: ScheduleOptions, signal: AbortSignal): Promise<void> {
  const { clock, cron } = options;
  const schedule = new Cron(cron, { paused: true });
  const after = (ms: number): number | undefined => schedule.nextRun(new Date(ms))?.getTime();
  let due = after(clock.now());
  while (due !== undefined) {
    // In short steps: a board without a clock may learn the time only later, and timers end after 24 days.
    await clock.sleep(Math.min(due - clock.now(), STEP_MS), signal).catch(() => undefined);
    if (signal.aborted) return;
    const now = clock.now();
    if (now < due) {
      due = Math.min(due, after(now) ?? due);
      continue;
    }
    const made = await backUp(options);
    const next = after(now);
    due = made || next === undefined ? next : Math.min(next, now + RETRY_MS);
  }
}

/** Makes one backup and removes those that are too many; gives whether it is there. */
export async function backUp(options: Omit<ScheduleOptions, 'cron'>): Promise<boolean> {
  const { source, keep, clock, log, done } = options;
  try {
    const { target, passphrase } = await options.target();
    const name = backupName(source.nodeName, clock.now());
    const archive = writeArchive(backupContents(source));
    await target.put(name, passphrase === undefined ? archive : seal(archive, passphrase));
    log.info('a backup was made', { place: target.place, name });
    done(undefined);
    for (const old of outdated(await target.list(), source.nodeName, keep)) await target.remove(old);
    return true;
  } catch (err) {
    log.error('no backup was made', { err });
    done(err instanceof Error ? err.message : String(err));
    return false;
  }
}
