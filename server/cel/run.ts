import type { CelBindings } from '#server/cel/engine.ts';
import { compileRegex, type Regex } from '#server/cel/regex/regex.ts';
import { RegexProblem } from '#server/cel/regex/syntax.ts';
import { type CelValue, Fault } from '#server/cel/value.ts';

/** The budget is spent. It ends the evaluation: nothing absorbs it. */
export class OverBudget extends Error {
  constructor() {
    super('operation cancelled: actual cost limit exceeded');
  }
}

/**
 * Steps that hide behind one unit of cost: the states of a regular expression, the leaves of two objects that are
 * compared. Upstream counts none of them, so a fair expression is far from it; a hostile one ends here.
 */
const STEPS_PER_COST = 64;
const FREE_STEPS = 4_000_000;

/** Compiled patterns of one program: mostly they are literals. */
export type RegexMemo = Map<string, Regex | Fault>;
const MAX_REGEXES = 16;

/** One evaluation: what it costs, and the variables of its macros. */
export class Run {
  readonly bindings: CelBindings;
  /** Variables of macros and their accumulators, each at a place of its own. */
  readonly slots: (CelValue | Fault)[] = [];
  cost = 0;
  readonly #limit: number;
  readonly #regexes: RegexMemo;
  #stepsLeft: number;

  constructor(bindings: CelBindings, costLimit: number, regexes: RegexMemo) {
    this.bindings = bindings;
    this.#regexes = regexes;
    this.#limit = costLimit;
    this.#stepsLeft = Math.min(costLimit * STEPS_PER_COST, FREE_STEPS + costLimit * 4);
  }

  spend(cost: number): void {
    this.cost += cost;
    if (this.cost > this.#limit) throw new OverBudget();
  }

  /** Counts work that has no cost of its own. */
  work(steps: number): void {
    this.#stepsLeft -= steps;
    if (this.#stepsLeft < 0) throw new OverBudget();
  }

  /** The pattern, compiled; a fault for what is none. */
  regex(pattern: string): Regex | Fault {
    const known = this.#regexes.get(pattern);
    if (known) return known;
    const regex = tryCompile(pattern);
    this.work(regex instanceof Fault ? pattern.length : regex.size);
    if (this.#regexes.size >= MAX_REGEXES) this.#regexes.clear();
    this.#regexes.set(pattern, regex);
    return regex;
  }
}

/** A fault where the pattern is none. */
export function tryCompile(pattern: string): Regex | Fault {
  try {
    return compileRegex(pattern);
  } catch (err) {
    if (err instanceof RegexProblem) return new Fault(err.message);
    throw err;
  }
}
