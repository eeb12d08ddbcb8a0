import type { Cost } from '#server/cel/functions.ts';
import { type CelValue, sizeOf } from '#server/cel/value.ts';

/** Cost of one character that is read. Rule: cel-go `common/cost.go`. */
export const traversal = 0.1;
const REGEX = 0.25;

/** The receiver is read `times` over. */
export const reads =
  (times = 1): Cost =>
  (args) =>
    Math.ceil(sizeOf(args[0] as CelValue) * times * traversal);

/** The shorter one is read. */
export const stringPair: Cost = (args) =>
  Math.ceil(Math.min(sizeOf(args[0] as CelValue), sizeOf(args[1] as CelValue)) * traversal);

/** A regular expression of so many characters over a text. */
export const regexCost = (text: CelValue, patternLength: number): number =>
  Math.ceil((1 + sizeOf(text)) * traversal) * Math.ceil(patternLength * REGEX);

export const matching: Cost = (args) => regexCost(args[0] as CelValue, sizeOf(args[1] as CelValue));

export const free: Cost = () => 0;
