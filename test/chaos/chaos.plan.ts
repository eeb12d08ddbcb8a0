/**
 * What goes wrong, when and for how long: all of it follows from the seed, so that a run that found something can be run again.
 * Pure. A longer run begins with the faults of a shorter one.
 */
import { seeded } from '#server/controllers/testing/random.ts';

export const FAULTS = [
  'power cut',
  'freeze',
  'partition',
  'kill agent',
  'kill containerd',
  'kill server',
] as const;
export type FaultKind = (typeof FAULTS)[number];

export const SERVER = 'server';

/** One cycle: something breaks, and comes back. */
export interface Fault {
  /** Counts from 1. */
  readonly cycle: number;
  readonly kind: FaultKind;
  /** A board's name, or {@link SERVER}. */
  readonly target: string;
  /** From the start of its round. */
  readonly atMs: number;
  /** Until it comes back: 0 where the board's init starts again what was killed. */
  readonly forMs: number;
}

/** Faults that overlap; after the last of them all must converge before the next round begins. */
export type Round = readonly Fault[];

export interface ChaosOptions {
  readonly seed: number;
  readonly cycles: number;
  readonly boards: readonly string[];
  readonly cyclesPerRound?: number;
}

/** Between the starts of two faults, at most. */
const GAP_MS = 3_000;
/** One absence in so many is long enough for the server to give the board up. */
const LONG_ONE_IN = 12;
const LONG_MS = 45_000;

const LONGEST_MS: Readonly<Record<FaultKind, number>> = {
  'power cut': 8_000,
  freeze: 12_000,
  partition: 12_000,
  'kill agent': 0,
  'kill containerd': 0,
  'kill server': 8_000,
};

/**
 * Kinds come in shuffled sets of all six, so that any six cycles in a row after a multiple of six have each of them. A board
 * has one absence at a time; its agent or containerd may be killed while it is cut off, but not while it is off or frozen.
 */
export function planChaos({ seed, cycles, boards, cyclesPerRound = 10 }: ChaosOptions): readonly Round[] {
  const random = seeded(seed);
  const below = (limit: number): number => Math.floor(random() * limit);
  const rounds: Fault[][] = [];
  let kinds: FaultKind[] = [];
  let atMs = 0;
  let absences = new Map<
    string,
    { readonly kind: FaultKind; readonly fromMs: number; readonly untilMs: number }
  >();
  for (let cycle = 1; cycle <= cycles; cycle++) {
    if ((cycle - 1) % cyclesPerRound === 0) {
      rounds.push([]);
      atMs = 0;
      absences = new Map();
    }
    if (kinds.length === 0) kinds = shuffled(FAULTS, below);
    const kind = kinds.pop() as FaultKind;
    const board = boards[below(boards.length)] ?? '';
    const target = kind === 'kill server' ? SERVER : board;
    const isLong = below(LONG_ONE_IN) === 0 && (kind === 'freeze' || kind === 'partition');
    const forMs = isLong ? LONG_MS : below(LONGEST_MS[kind] + 1);
    atMs += 200 + below(GAP_MS);
    const absence = absences.get(target);
    const mayOverlap = absence?.kind === 'partition' && kind.startsWith('kill');
    const free = absence ? (mayOverlap ? absence.fromMs : absence.untilMs) + 500 : 0;
    const startMs = Math.max(atMs, free);
    if (!mayOverlap) absences.set(target, { kind, fromMs: startMs, untilMs: startMs + forMs });
    rounds.at(-1)?.push({ cycle, kind, target, atMs: startMs, forMs });
  }
  return rounds;
}

function shuffled<T>(items: readonly T[], below: (limit: number) => number): T[] {
  const left = [...items];
  for (let i = left.length - 1; i > 0; i--) {
    const j = below(i + 1);
    [left[i], left[j]] = [left[j] as T, left[i] as T];
  }
  return left;
}

/** One line a fault, as it stands in reports. */
export const describeFault = ({ cycle, kind, target, atMs, forMs }: Fault): string =>
  `#${cycle} at ${(atMs / 1000).toFixed(1)} s: ${kind} ${target}${forMs > 0 ? ` for ${(forMs / 1000).toFixed(1)} s` : ''}`;

/** How a service's log tells that it ended by itself and not by SIGKILL, which is the faults' way; undefined: it did not. */
export const crashIn = (log: string): string | undefined =>
  /^--- \S+ exited with (?!137 )\d+ ---$/m.exec(log)?.[0];

/**
 * What is wrong with a writer's file, given the highest line that it had reported: lines are 1, 2, 3, … each once. A gap is a
 * lost line, a line twice is two writers at once. Undefined: nothing.
 */
export function problemOfLines(text: string, reported: number): string | undefined {
  const lines = text.split('\n').filter((line) => line !== '');
  for (const [index, line] of lines.entries()) {
    if (line !== String(index + 1))
      return `line ${index + 1} is ${JSON.stringify(line)}, of ${lines.length}; ${reported} were reported`;
  }
  return lines.length < reported
    ? `the file ends with line ${lines.length}, but ${reported} were reported`
    : undefined;
}
