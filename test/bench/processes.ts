/** What processes cost, from /proc. Values add up over the given processes; one that is gone counts as nothing. */
import { readFileSync } from 'node:fs';

export interface Memory {
  /** Pages in memory, shared ones counted in full. */
  readonly residentBytes: number;
  /** Shared pages divided among those who share them: the fair figure for a sum. */
  readonly proportionalBytes: number;
}

export interface Usage {
  /** With that of children that have ended: a shell that is forked is paid for, too. */
  readonly cpuSeconds: number;
  /** What reached the block layer on their behalf. */
  readonly writtenBytes: number;
}

/** Linux reports CPU time to programs in hundredths of a second, whatever its own tick. */
const TICKS_PER_SECOND = 100;

export function memoryOf(pids: readonly number[]): Memory {
  const rollups = pids.map((pid) => read(`/proc/${pid}/smaps_rollup`));
  const kib = (name: string) =>
    sum(rollups.map((text) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0)));
  return { residentBytes: kib('Rss') * 1024, proportionalBytes: kib('Pss') * 1024 };
}

export function usageOf(pids: readonly number[]): Usage {
  return {
    cpuSeconds: sum(
      pids.map((pid) => {
        const stat = read(`/proc/${pid}/stat`);
        // After the command's name, which may hold spaces: utime, stime, cutime and cstime are the 12th to 15th.
        const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
        return sum(fields.slice(11, 15).map(Number)) / TICKS_PER_SECOND;
      }),
    ),
    writtenBytes: sum(
      pids.map((pid) => Number(/^write_bytes: (\d+)/m.exec(read(`/proc/${pid}/io`))?.[1] ?? 0)),
    ),
  };
}

/** Those whose command line holds all of the words. */
export function withCommand(pids: readonly number[], ...words: readonly string[]): readonly number[] {
  return pids.filter((pid) => {
    const line = read(`/proc/${pid}/cmdline`).split('\0');
    return words.every((word) => line.some((argument) => argument.endsWith(word)));
  });
}

/** The middle one, and the worst. */
export function summary(samplesMs: readonly number[]): {
  medianMs: number;
  worstMs: number;
  samples: number;
} {
  const sorted = [...samplesMs].sort((a, b) => a - b);
  const at = (index: number) => Math.round((sorted[index] ?? 0) * 10) / 10;
  return {
    medianMs: at(Math.floor(sorted.length / 2)),
    worstMs: at(sorted.length - 1),
    samples: sorted.length,
  };
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
