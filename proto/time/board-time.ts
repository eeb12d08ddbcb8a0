/**
 * Writes down the time now and then, and sets the clock of a board that lost it, by the rules of `board-time.plan.ts`. On a board
 * where somebody else sees to that (timesyncd, chrony, a battery) it does nothing but write eight bytes an hour.
 */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { writeFileAtomic } from '#proto/meta/atomic-file.ts';
import type { Clock } from '#proto/meta/clock.ts';
import type { Logger } from '#proto/meta/log.ts';
import { EARLIEST_NOW, planTimeAtStart, planTimeFromServer } from './board-time.plan.ts';

export interface BoardTimeOptions {
  /** Where the time is written down. */
  readonly path: string;
  /** False: the clock is left alone. */
  readonly maySet: boolean;
  readonly clock: Clock;
  readonly log: Logger;
}

const SAVE_MS = 60 * 60_000;
/** What says that something keeps the clock. */
const KEEPERS = ['/run/systemd/timesync/synchronized', '/run/chrony', '/run/chronyd.pid', '/run/ntpd.pid'];

export class BoardTime {
  readonly #options: BoardTimeOptions;

  constructor(options: BoardTimeOptions) {
    this.#options = options;
  }

  /** Before anything else looks at the clock. */
  async start(): Promise<void> {
    const { clock, path } = this.#options;
    const saved = existsSync(path) ? Number(readFileSync(path, 'utf8')) : undefined;
    const toMs = planTimeAtStart(clock.now(), saved);
    if (toMs !== undefined) await this.#set(toMs, 'the clock was not set, the last time that is known');
  }

  /** A server that has proved itself has this time; `isBlocked`: with ours, its certificate does not hold. */
  async heard(serverMs: number, isBlocked = false): Promise<void> {
    const isSynchronized = KEEPERS.some((path) => existsSync(path));
    const systemMs = this.#options.clock.now();
    const toMs = planTimeFromServer({ systemMs, serverMs, isSynchronized, isBlocked });
    if (toMs === undefined) return;
    if (await this.#set(toMs, 'the clock follows the server')) this.save();
  }

  /** Now and once an hour until the signal: after a power cut the clock is behind by no more than the time it was off, and that. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.save();
      await this.#options.clock.sleep(SAVE_MS, signal).catch(() => {});
    }
    this.save();
  }

  save(): void {
    const { clock, path, log } = this.#options;
    const now = clock.now();
    if (now < EARLIEST_NOW) return;
    try {
      writeFileAtomic(path, String(now));
    } catch (err) {
      log.debug('the time was not written down', { err });
    }
  }

  /** Node can't; every board has `date`. */
  #set(toMs: number, why: string): Promise<boolean> {
    const { maySet, log } = this.#options;
    const to = new Date(toMs).toISOString();
    if (!maySet) return Promise.resolve(false);
    return new Promise((resolve) => {
      const child = spawn('date', ['-u', '-s', `@${Math.floor(toMs / 1000)}`], { stdio: 'ignore' });
      const done = (isSet: boolean, err?: unknown): void => {
        if (isSet) log.info('clock set', { to, why });
        else log.warn('the clock is wrong and can not be set', { to, why, err });
        resolve(isSet);
      };
      child.once('error', (err) => done(false, err));
      child.once('close', (code) => done(code === 0));
    });
  }
}
