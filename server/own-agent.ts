/** The agent of the server's own board: a process of its own, so that neither's memory or crash is the other's. */
import type { ChildProcess } from 'node:child_process';
import type { Clock } from '#proto/meta/clock.ts';
import type { Logger } from '#proto/meta/log.ts';
import { spawnWithoutFiles } from '#server/store/leveldb/spawn-without-files.ts';

export interface OwnAgentOptions {
  readonly command: readonly string[];
  /** The token goes by the environment: arguments are for everybody to see. */
  readonly environment: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly log: Logger;
}

const RESPAWN_MS = 2_000;
const STOP_MS = 10_000;

/** Runs until the signal; started again whenever it ends before. Containers outlive it. */
export async function runOwnAgent(options: OwnAgentOptions, signal: AbortSignal): Promise<void> {
  const { command, environment, clock, log } = options;
  const [program = process.execPath, ...args] = command;
  while (!signal.aborted) {
    const child = spawnWithoutFiles(program, args, {
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    const code = await ended(child, signal);
    if (signal.aborted) return;
    log.error('the agent of this board ended, starting it again', { code });
    await clock.sleep(RESPAWN_MS, signal).catch(() => {});
  }
}

function ended(child: ChildProcess, signal: AbortSignal): Promise<number | string | null> {
  return new Promise((resolve) => {
    let timer: NodeJS.Timeout | undefined;
    const stop = (): void => {
      child.kill('SIGTERM');
      timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    };
    signal.addEventListener('abort', stop, { once: true });
    const done = (result: number | string | null): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
      resolve(result);
    };
    child.once('exit', (code, by) => done(code ?? by));
    child.once('error', (err) => done(err.message));
  });
}
