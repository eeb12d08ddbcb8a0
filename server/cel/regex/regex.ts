import {
  type CharSet,
  type Place,
  parseRegex,
  type RegexNode,
  RegexProblem,
} from '#server/cel/regex/syntax.ts';

/**
 * A regular expression that takes time in proportion to text and pattern, whatever they are: all ways through the
 * pattern go forward together, one character of the text at a time (Pike's machine, as in RE2). JavaScript's own
 * engine backtracks, and an expression that everybody may write must not hold the only thread of a board.
 */
export interface Regex {
  /** Instructions: what one character of the text costs at most. */
  readonly size: number;
  /** The leftmost match from `from` on, preferring what the pattern says first. `work` is told of every step. */
  find(text: string, from: number, work: (steps: number) => void): Match | undefined;
}

/** UTF-16 offsets. */
export interface Match {
  readonly start: number;
  readonly end: number;
}

type Instruction =
  | { readonly kind: 'char'; readonly matches: (code: number) => boolean }
  | Split
  | Jump
  | { readonly kind: 'place'; readonly place: Place }
  | { readonly kind: 'match' };

interface Split {
  readonly kind: 'split';
  first: number;
  second: number;
}

interface Jump {
  readonly kind: 'jump';
  to: number;
}

type Sets = Map<string, (code: number) => boolean>;

/** Upstream refuses what would take more memory than this does. */
const MAX_SIZE = 20_000;

/** Throws a {@link RegexProblem} for what is no RE2 syntax or too big. */
export function compileRegex(pattern: string): Regex {
  const program: Instruction[] = [];
  emit(parseRegex(pattern), program, pattern, new Map());
  program.push({ kind: 'match' });
  return new Machine(program);
}

function emit(node: RegexNode, program: Instruction[], pattern: string, sets: Sets): void {
  if (program.length > MAX_SIZE) throw new RegexProblem('expression too large', pattern);
  switch (node.kind) {
    case 'empty':
      return;
    case 'char':
      program.push({ kind: 'char', matches: matcherOf(node.set, sets) });
      return;
    case 'place':
      program.push(node);
      return;
    case 'sequence':
      for (const part of node.nodes) emit(part, program, pattern, sets);
      return;
    case 'choice':
      emitChoice(node.nodes, program, pattern, sets);
      return;
    case 'repeat':
      emitRepeat(node, program, pattern, sets);
  }
}

function emitChoice(nodes: readonly RegexNode[], program: Instruction[], pattern: string, sets: Sets): void {
  const ends: Jump[] = [];
  for (const [i, node] of nodes.entries()) {
    if (i === nodes.length - 1) {
      emit(node, program, pattern, sets);
      break;
    }
    const fork: Split = { kind: 'split', first: program.length + 1, second: 0 };
    program.push(fork);
    emit(node, program, pattern, sets);
    const end: Jump = { kind: 'jump', to: 0 };
    program.push(end);
    ends.push(end);
    fork.second = program.length;
  }
  for (const end of ends) end.to = program.length;
}

function emitRepeat(
  { node, min, max, isLazy }: Extract<RegexNode, { kind: 'repeat' }>,
  program: Instruction[],
  pattern: string,
  sets: Sets,
): void {
  for (let i = 0; i < min; i++) emit(node, program, pattern, sets);
  const fork = (): Split => {
    const split: Split = { kind: 'split', first: 0, second: 0 };
    program.push(split);
    return split;
  };
  const aim = (split: Split, into: number, past: number): void => {
    split.first = isLazy ? past : into;
    split.second = isLazy ? into : past;
  };
  if (max === undefined) {
    const start = program.length;
    const split = fork();
    emit(node, program, pattern, sets);
    program.push({ kind: 'jump', to: start });
    aim(split, start + 1, program.length);
    return;
  }
  const splits: (readonly [Split, number])[] = [];
  for (let i = min; i < max; i++) {
    splits.push([fork(), program.length]);
    emit(node, program, pattern, sets);
  }
  for (const [split, into] of splits) aim(split, into, program.length);
}

/** Membership in a class: a table for ASCII, JavaScript for the rest. */
function matcherOf({ source, ignoresCase }: CharSet, sets: Sets): (code: number) => boolean {
  const key = `${ignoresCase}${source}`;
  const known = sets.get(key);
  if (known) return known;
  const regex = new RegExp(`^[${source}]$`, ignoresCase ? 'iu' : 'u');
  const ascii = Uint8Array.from({ length: 128 }, (_, code) => Number(regex.test(String.fromCharCode(code))));
  const matches = (code: number): boolean =>
    code < 128 ? ascii[code] === 1 : regex.test(String.fromCodePoint(code));
  sets.set(key, matches);
  return matches;
}

/** Threads in the order of preference; each instruction at most once. */
class Threads {
  readonly instructions: number[] = [];
  readonly starts: number[] = [];
  readonly #seen: Uint32Array;
  #generation = 0;

  constructor(size: number) {
    this.#seen = new Uint32Array(size);
  }

  clear(): void {
    this.instructions.length = 0;
    this.starts.length = 0;
    this.#generation++;
  }

  /** False where the instruction has a thread already, which came by a better way. */
  visit(instruction: number): boolean {
    if (this.#seen[instruction] === this.#generation) return false;
    this.#seen[instruction] = this.#generation;
    return true;
  }
}

class Machine implements Regex {
  readonly size: number;
  readonly #program: readonly Instruction[];

  constructor(program: readonly Instruction[]) {
    this.#program = program;
    this.size = program.length;
  }

  find(text: string, from: number, work: (steps: number) => void): Match | undefined {
    let current = new Threads(this.size);
    let next = new Threads(this.size);
    current.clear();
    let found: Match | undefined;
    for (let at = from; ; ) {
      // Later starts are worse than any thread there is, and useless once there is a match.
      if (!found) work(this.#follow(current, 0, at, text, at));
      if (current.instructions.length === 0 && found) return found;
      work(current.instructions.length + 1);
      const code = text.codePointAt(at);
      next.clear();
      const after = at + (code !== undefined && code > 0xffff ? 2 : 1);
      for (let i = 0; i < current.instructions.length; i++) {
        const pc = current.instructions[i] as number;
        const start = current.starts[i] as number;
        const instruction = this.#program[pc] as Instruction;
        if (instruction.kind === 'match') {
          found = { start, end: at };
          // What comes after is less preferred.
          break;
        }
        if (instruction.kind === 'char' && code !== undefined && instruction.matches(code))
          work(this.#follow(next, pc + 1, start, text, after));
      }
      if (code === undefined) return found;
      [current, next] = [next, current];
      at = after;
    }
  }

  /** Adds a thread, and all that it reaches without reading; answers how many steps that took. */
  #follow(threads: Threads, from: number, start: number, text: string, at: number): number {
    const stack = [from];
    let steps = 0;
    for (let pc = stack.pop(); pc !== undefined; pc = stack.pop(), steps++) {
      if (!threads.visit(pc)) continue;
      const instruction = this.#program[pc] as Instruction;
      switch (instruction.kind) {
        case 'jump':
          stack.push(instruction.to);
          break;
        case 'split':
          stack.push(instruction.second, instruction.first);
          break;
        case 'place':
          if (isAt(instruction.place, text, at)) stack.push(pc + 1);
          break;
        default:
          threads.instructions.push(pc);
          threads.starts.push(start);
      }
    }
    return steps;
  }
}

function isAt(place: Place, text: string, at: number): boolean {
  switch (place) {
    case 'textStart':
      return at === 0;
    case 'textEnd':
      return at >= text.length;
    case 'lineStart':
      return at === 0 || text[at - 1] === '\n';
    case 'lineEnd':
      return at >= text.length || text[at] === '\n';
    default:
      return (isWord(text[at - 1]) !== isWord(text[at])) === (place === 'boundary');
  }
}

const isWord = (char: string | undefined): boolean => char !== undefined && /[0-9A-Za-z_]/.test(char);
