/**
 * A flashed board has a program beside the agent that knows its system slots; the agent runs it when the cluster's
 * administrator asks, over the link. A board that was not flashed has none, and answers that there is no such page.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { badRequest, StatusError } from '#proto/meta/status-error.ts';

export interface BoardProgram {
  /** The system that runs, as JSON. */
  state(): Promise<string>;
  /** Takes an upgrade in; gives as JSON what is on trial. Rejects with why not. */
  receive(upgrade: IncomingMessage): Promise<string>;
  reboot(): Promise<string>;
}

/** `folder` is where the agent's own bundle lies. */
export function openBoardProgram(folder: string): BoardProgram | undefined {
  const program = join(folder, 'board.mjs');
  if (!existsSync(program) || !existsSync(join(folder, 'board.json'))) return undefined;
  // One at a time, and the newest counts: of a client that went away the board may hear late.
  let previous: { readonly stop: AbortController; readonly ended: Promise<unknown> } | undefined;
  return {
    state: () => runProgram(process.execPath, [program, 'state']),
    receive: async (upgrade) => {
      const before = previous;
      const stop = new AbortController();
      const started = (async () => {
        before?.stop.abort();
        await before?.ended;
        return runProgram(process.execPath, [program, 'receive'], { input: upgrade, signal: stop.signal });
      })();
      previous = { stop, ended: started.catch(() => {}) };
      return started;
    },
    // Not at once: the answer should still get through.
    reboot: () => runProgram('systemd-run', ['--quiet', '--on-active=1', 'systemctl', 'reboot']),
  };
}

const conflict = (): StatusError => new StatusError('Conflict', 'another upgrade has come after this one');

/** What a program prints; its own words as the reason when it fails. */
async function runProgram(
  program: string,
  args: readonly string[],
  { input, signal }: { readonly input?: IncomingMessage; readonly signal?: AbortSignal } = {},
): Promise<string> {
  const child = spawn(program, args, {
    stdio: [input ? 'pipe' : 'ignore', 'pipe', 'pipe'],
    ...(signal ? { signal } : {}),
  });
  let out = '';
  let words = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    out += chunk.toString();
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    words = (words + chunk.toString()).slice(-2000);
  });
  const ended = new Promise<number | string | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(code ?? signal));
  });
  // It may fail while its input is still on the way.
  ended.catch(() => {});
  // A program that refuses stops reading: its answer counts, not the broken pipe.
  if (input && child.stdin) await pipeline(input, child.stdin).catch(() => {});
  const code = await ended.catch((err: unknown) => {
    throw signal?.aborted ? conflict() : err;
  });
  if (code !== 0) throw badRequest(words.trim().replace(/^board: /, '') || `it ended with ${code}`);
  return out;
}
