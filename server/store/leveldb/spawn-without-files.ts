/**
 * Starts a program that gets none of this process' files. Node opens its own so that they close there, LevelDB does not: a broker
 * that runs as somebody else would hold the store's log open for writing.
 */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';

/** `O_CLOEXEC`, as /proc shows it, in octal. */
const CLOSES = 0o2000000;

export interface Streams extends Omit<SpawnOptions, 'stdio'> {
  /** From the standard input on. */
  readonly stdio: readonly ('ignore' | 'inherit' | 'pipe' | 'ipc')[];
}

export function spawnWithoutFiles(program: string, args: readonly string[], options: Streams): ChildProcess {
  const { stdio } = options;
  const left = inherited().filter((number) => number >= stdio.length);
  const nothing = openSync('/dev/null', 'r');
  try {
    const more = Array.from(
      { length: Math.max(0, ...left.map((number) => number + 1 - stdio.length)) },
      (_, n) => (left.includes(n + stdio.length) ? nothing : ('ignore' as const)),
    );
    return spawn(program, args, { ...options, stdio: [...stdio, ...more] });
  } finally {
    closeSync(nothing);
  }
}

/** Numbers of the files that a program would be started with. */
function inherited(): readonly number[] {
  return readdirSync('/proc/self/fd')
    .map(Number)
    .filter((number) => {
      try {
        const flags = /^flags:\s+([0-7]+)/m.exec(readFileSync(`/proc/self/fdinfo/${number}`, 'utf8'))?.[1];
        return flags !== undefined && (Number.parseInt(flags, 8) & CLOSES) === 0;
      } catch {
        // The one that the list itself was read with.
        return false;
      }
    });
}
