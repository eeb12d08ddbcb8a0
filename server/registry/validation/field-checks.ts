import {
  type FieldError,
  invalidValue,
  notSupported,
  notSupportedInOrder,
  required,
} from '#proto/meta/field-error.ts';

/** One error for each problem of one value. */
export const problemsAt = (path: string, value: unknown, problems: readonly string[]): FieldError[] =>
  problems.map((problem) => invalidValue(path, value, problem));

/** Checks every item of a list that may be absent. */
export const eachAt = <T>(
  items: readonly T[] | undefined,
  path: string,
  check: (item: T, path: string) => readonly FieldError[],
): FieldError[] => (items ?? []).flatMap((item, i) => check(item, `${path}[${i}]`));

/** Required, and one of a set of words. `inOrder`: where upstream lists them in an order of its own. */
export function oneOf(
  path: string,
  value: string | undefined,
  supported: readonly string[],
  inOrder = false,
): FieldError[] {
  if (!value) return [required(path)];
  if (supported.includes(value)) return [];
  return [(inOrder ? notSupportedInOrder : notSupported)(path, value, supported)];
}

/** Absent, or one of a set of words. */
export const oneOfOptional = (
  path: string,
  value: string | undefined,
  supported: readonly string[],
  inOrder = false,
): FieldError[] => (value === undefined ? [] : oneOf(path, value, supported, inOrder));

/** Required, and free of problems. */
export const named = (
  path: string,
  value: string | undefined,
  problems: (value: string) => string[],
  detail = '',
): FieldError[] => (value ? problemsAt(path, value, problems(value)) : [required(path, detail)]);

export const NON_NEGATIVE = 'must be greater than or equal to 0';

/** Absent is fine: a default or "not set". */
export const nonNegative = (path: string, value: number | undefined): FieldError[] =>
  value !== undefined && value < 0 ? [invalidValue(path, value, NON_NEGATIVE)] : [];

export const IMMUTABLE = 'field is immutable';

/** Fields that are maps: an empty one is none. Other objects without fields are a choice, as `emptyDir: {}` is. */
const MAPS = new Set([
  'annotations',
  'binaryData',
  'data',
  'labels',
  'limits',
  'matchLabels',
  'nodeSelector',
  'parameters',
  'requests',
]);

/** Equal as upstream's semantic equality has it: nothing and empty are the same. */
export function isSame(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (isEmpty(a) && isEmpty(b)) return true;
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, i) => isSame(item, b[i]));
  }
  if (!isRecord(a) || !isRecord(b)) return false;
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  for (const key of keys) {
    if (isSame(a[key], b[key])) continue;
    if (!MAPS.has(key) || !isEmptyMap(a[key]) || !isEmptyMap(b[key])) return false;
  }
  return true;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isEmptyMap = (value: unknown): boolean =>
  value === undefined || value === null || (isRecord(value) && Object.keys(value).length === 0);

/** Null, or a list without items. */
const isEmpty = (value: unknown): boolean =>
  value === undefined || value === null || (Array.isArray(value) && value.length === 0);

export const immutable = (path: string, value: unknown, old: unknown): FieldError[] =>
  isSame(value, old) ? [] : [invalidValue(path, value, IMMUTABLE)];
