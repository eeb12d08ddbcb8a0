import { type FieldError, invalidValue } from '#proto/meta/field-error.ts';
import { NON_NEGATIVE, problemsAt } from '#server/registry/validation/field-checks.ts';
import { percentProblems } from '#server/registry/validation/names.ts';

/** `3` or `25%`. */
export type IntOrPercent = number | string;

/** What `maxSurge` and its like may be. */
export function validateIntOrPercent(value: IntOrPercent | undefined, path: string): FieldError[] {
  if (value === undefined) return [];
  if (typeof value === 'string') return problemsAt(path, value, percentProblems(value));
  return value < 0 ? [invalidValue(path, value, NON_NEGATIVE)] : [];
}

export const isNotMoreThan100Percent = (value: IntOrPercent | undefined, path: string): FieldError[] =>
  typeof value === 'string' && /^\d+%$/.test(value) && Number.parseInt(value, 10) > 100
    ? [invalidValue(path, value, 'must not be greater than 100%')]
    : [];

/** The number in front of the percent sign, or the number itself: enough to tell whether it is zero. */
export const amountOf = (value: IntOrPercent | undefined): number =>
  typeof value === 'string' ? Number.parseInt(value, 10) || 0 : (value ?? 0);
