/** What a size or a cost is at least and at most; at most `Infinity` where nothing bounds it. */
export interface Range {
  readonly min: number;
  readonly max: number;
}

export const UNKNOWN: Range = { min: 0, max: Number.POSITIVE_INFINITY };

export const exactly = (value: number): Range => ({ min: value, max: value });
export const plus = (a: Range, b: Range): Range => ({ min: a.min + b.min, max: a.max + b.max });
export const times = (a: Range, b: Range): Range => ({
  min: product(a.min, b.min),
  max: product(a.max, b.max),
});
export const scaled = (a: Range, factor: number): Range => ({
  min: Math.ceil(a.min * factor),
  max: Math.ceil(a.max * factor),
});
export const either = (a: Range, b: Range): Range => ({
  min: Math.min(a.min, b.min),
  max: Math.max(a.max, b.max),
});

/** Nothing, however often, is nothing. */
const product = (a: number, b: number): number => (a === 0 || b === 0 ? 0 : a * b);
