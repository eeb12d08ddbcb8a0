import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ProgramOptions } from './programs.ts';

/** What a small board gains from, measured: most of it must be known before Node starts. */
const SMALL = ['--optimize-for-size', '--max-semi-space-size=1'];

/**
 * An agent waits most of its time: compiled to machine code it costs as much CPU (40 probes a second by HTTP too: 5.4 % of a core
 * interpreted, 5.1 % compiled, 4.6 % by sparkplug), and with its compilers in memory 5 MB more when idle, 12 MB
 * and more with ten Pods. Byte code that was not run since the last full collection goes: what starts an agent runs once (1 MB).
 * A heap of 10 MB is not worth threads that have to be woken for it (a tenth of the CPU of those probes). Time zones come from
 * the system and not from tables of 0.8 MB, which even writing a time in UTC loads.
 */
const INTERPRETED = [
  ...['--no-opt', '--no-maglev', '--no-sparkplug'],
  ...['--bytecode-old-age=1', '--single-threaded-gc', '--v8-pool-size=1', '--no-icu-timezone-data'],
];
const NODE_FLAGS = { server: SMALL, agent: [...SMALL, ...INTERPRETED] };

/**
 * Malloc: one arena, and what is free above 64 KiB goes back to the system. V8 parses in pieces of 32 KiB: on pages of
 * their own nothing is left of them, 2 MB in an agent and 5 MB in a server. A create costs half a call more for it, where many come at once.
 */
const ENVIRONMENT = {
  UV_THREADPOOL_SIZE: '2',
  MALLOC_ARENA_MAX: '1',
  MALLOC_TRIM_THRESHOLD_: '65536',
  MALLOC_MMAP_THRESHOLD_: '32768',
};

/** Carries program and options over the restart; taken out of the environment before anything else runs. */
const VARIABLE = 'CORACLE_RETUNED';

/** A program to run with options that were read before. */
export interface Retuned {
  readonly program: keyof ProgramOptions;
  readonly options: unknown;
}

/**
 * Replaces this process by itself with those flags: same process id, so that supervisors and Ctrl-C see one program. Costs
 * one start of Node (some 40 ms) and saves some 10 MB for as long as the program runs. Compiled code is kept below the data
 * folder and nowhere else: who can write there owns this process. Returns only where Node can't replace itself.
 */
export function retune<K extends keyof ProgramOptions>(program: K, options: ProgramOptions[K]): void {
  if (!process.execve) return;
  const cache = join(options.dataDir, 'cache');
  mkdirSync(cache, { recursive: true, mode: 0o700 });
  const environment = {
    NODE_COMPILE_CACHE: cache,
    ...ENVIRONMENT,
    ...process.env,
    [VARIABLE]: JSON.stringify({ program, options } satisfies Retuned),
  };
  const missing = NODE_FLAGS[program].filter((flag) => !process.execArgv.includes(flag));
  const command = [process.execPath, ...missing, ...process.execArgv, ...process.argv.slice(1)];
  process.execve(process.execPath, command, environment as Record<string, string>);
}

/** What {@link retune} left for this process; children do not see it. */
export function takeRetuned(): Retuned | undefined {
  const text = process.env[VARIABLE];
  delete process.env[VARIABLE];
  return text ? (JSON.parse(text) as Retuned) : undefined;
}
