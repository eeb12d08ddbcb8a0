/** A run of indexes, both ends included. */
interface Interval {
  readonly first: number;
  readonly last: number;
}

/**
 * A set of completion indexes, kept as ordered runs: a Job of a hundred thousand indexes stays small in memory
 * and in its status, where it reads `1,3-5,7`. Immutable.
 */
export class Indexes {
  readonly #runs: readonly Interval[];

  constructor(runs: readonly Interval[] = []) {
    this.#runs = runs;
  }

  /** Reads the status' text; indexes beyond `completions` are left out, and so is what can't be read. */
  static parse(text: string | undefined, completions: number): Indexes {
    const runs: Interval[] = [];
    for (const part of (text ?? '').split(',')) {
      const match = /^(\d+)(?:-(\d+))?$/.exec(part);
      if (!match) continue;
      const first = Number(match[1]);
      const last = Math.min(Number(match[2] ?? match[1]), completions - 1);
      if (first <= last) runs.push({ first, last });
    }
    return new Indexes(merged(runs));
  }

  static of(indexes: Iterable<number>): Indexes {
    return new Indexes(merged([...indexes].map((index) => ({ first: index, last: index }))));
  }

  get size(): number {
    return this.#runs.reduce((sum, { first, last }) => sum + last - first + 1, 0);
  }

  has(index: number): boolean {
    return this.#runs.some(({ first, last }) => first <= index && index <= last);
  }

  union(other: Indexes): Indexes {
    return new Indexes(merged([...this.#runs, ...other.#runs]));
  }

  /** How many of these are in `other` too. */
  countIn(other: Indexes): number {
    let count = 0;
    for (const a of this.#runs) {
      for (const b of other.#runs) {
        count += Math.max(0, Math.min(a.last, b.last) - Math.max(a.first, b.first) + 1);
      }
    }
    return count;
  }

  /** The first `count` indexes below `completions` that are not in the set. */
  firstMissing(count: number, completions: number): number[] {
    const missing: number[] = [];
    let candidate = 0;
    for (const { first, last } of [...this.#runs, { first: completions, last: completions }]) {
      for (; candidate < Math.min(first, completions) && missing.length < count; candidate += 1) {
        missing.push(candidate);
      }
      candidate = Math.max(candidate, last + 1);
    }
    return missing;
  }

  /** Two neighbours are `1,2`, three are `1-3`. */
  toString(): string {
    return this.#runs
      .map(({ first, last }) => {
        if (first === last) return `${first}`;
        return last === first + 1 ? `${first},${last}` : `${first}-${last}`;
      })
      .join(',');
  }
}

function merged(runs: readonly Interval[]): Interval[] {
  const result: Interval[] = [];
  for (const run of [...runs].sort((a, b) => a.first - b.first)) {
    const previous = result.at(-1);
    if (previous && run.first <= previous.last + 1) {
      result[result.length - 1] = { first: previous.first, last: Math.max(previous.last, run.last) };
    } else result.push(run);
  }
  return result;
}
