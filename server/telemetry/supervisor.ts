/**
 * Keeps one child process running: behind everything else on this machine, first to go when memory is short, and started again
 * with growing pauses when it ends. Whatever happens to it, nothing here throws at the server, and nothing waits for it.
 */
import type { ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { setPriority } from 'node:os';
import { createInterface } from 'node:readline';
import type { Clock } from '#proto/meta/clock.ts';
import type { Logger } from '#proto/meta/log.ts';
import { backoffMs } from '#server/client/backoff.ts';

export interface SupervisorOptions {
  /** Starts it; what it writes to stderr is kept for the reason of its end. */
  readonly spawn: () => Promise<ChildProcess>;
  /** For the log: where it listens. */
  readonly address: string;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
}

const BACKOFF = { baseMs: 1_000, maxMs: 60_000 };
const HEALTHY_MS = 60_000;
const STOP_MS = 5_000;
const LOUD_ATTEMPTS = 4;
const NICE = 5;
/** Of -1000 to 1000: the kernel looks for somebody to end, and Pods and the server are worth more. */
const OOM_SCORE = '800';

export class Supervisor {
  readonly #options: SupervisorOptions;
  #child: ChildProcess | undefined;
  #killed = '';

  constructor(options: SupervisorOptions) {
    this.#options = options;
  }

  /** Ends it, for good reason; it is started again. */
  restart(reason: string): void {
    this.#killed = reason;
    this.#child?.kill('SIGKILL');
  }

  /** Runs until the signal; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { spawn, clock, random, log } = this.#options;
    for (let attempt = 0; !signal.aborted; attempt++) {
      const began = clock.now();
      this.#killed = '';
      let reason: string;
      try {
        reason = await this.#ended(await spawn(), attempt, signal);
      } catch (err) {
        reason = (err as Error).message;
      }
      this.#child = undefined;
      if (signal.aborted) break;
      if (clock.now() - began > HEALTHY_MS) attempt = 0;
      const delayMs = Math.round(backoffMs(attempt, BACKOFF, random));
      // Another program that keeps the port is worth a few lines, not one a minute for ever.
      const say = attempt < LOUD_ATTEMPTS ? log.warn.bind(log) : log.debug.bind(log);
      say('the MQTT broker ended, starting it again', { reason: this.#killed || reason, delayMs });
      await clock.sleep(delayMs, signal).catch(() => {});
    }
  }

  #ended(child: ChildProcess, attempt: number, signal: AbortSignal): Promise<string> {
    const { log, address } = this.#options;
    return new Promise((resolve) => {
      let timer: NodeJS.Timeout | undefined;
      let last = '';
      const stop = (): void => {
        child.kill('SIGTERM');
        timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
      };
      const done = (how: string): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', stop);
        resolve(last ? `${how}: ${last}` : how);
      };
      child.once('spawn', () => {
        this.#child = child;
        if (child.pid !== undefined) putLast(child.pid);
        const say = attempt < LOUD_ATTEMPTS ? log.info.bind(log) : log.debug.bind(log);
        say('the MQTT broker runs', { address, pid: child.pid });
      });
      child.once('error', (err) => done(err.message));
      child.once('exit', (code, by) => done(`exit ${code ?? by}`));
      if (child.stderr)
        createInterface({ input: child.stderr }).on('line', (line) => {
          last = line;
          log.debug('broker', { line });
        });
      if (signal.aborted) stop();
      else signal.addEventListener('abort', stop, { once: true });
    });
  }
}

function putLast(pid: number): void {
  try {
    setPriority(pid, NICE);
    writeFileSync(`/proc/${pid}/oom_score_adj`, OOM_SCORE);
  } catch {
    // It has gone, or this is not Linux.
  }
}
