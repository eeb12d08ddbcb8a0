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
  let busy = false;
  return {
    state: () => runProgram(process.execPath, [program, 'state']),
    receive: async (upgrade) => {
      if (busy) throw new StatusError('Conflict', 'another upgrade is just coming in');
      busy = true;
      try {
        return await runProgram(process.execPath, [program, 'receive'], upgrade);
      } finally {
        busy = false;
      }
    },
    // Not at once: the answer should still get through.
    reboot: () => runProgram('systemd-run', ['--quiet', '--on-active=1', 'systemctl', 'reboot']),
  };
}

/** What a program prints; its own words as the reason when it fails. */
async function runProgram(
  program: string,
  args: readonly string[],
  input?: IncomingMessage,
): Promise<string> {
  const child = spawn(program, args, { stdio: [input ? 'pipe' : 'ignore', 'pipe', 'pipe'] });
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
  // A program that refuses stops reading: its answer counts, not the broken pipe.
  if (input && child.stdin) await pipeline(input, child.stdin).catch(() => {});
  const code = await ended;
  if (code !== 0) throw badRequest(words.trim().replace(/^board: /, '') || `it ended with ${code}`);
  return out;
}
