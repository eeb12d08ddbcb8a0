import type { Library } from '#server/cel/functions.ts';
import { reads } from '#server/cel/library/costs.ts';
import { CelOpaque, Fault } from '#server/cel/value.ts';

/** Semantic versions 2.0.0. Rule: semver.org §11, apiserver `pkg/cel/library/semverlib.go`. */
class CelSemver extends CelOpaque {
  readonly typeName = 'kubernetes.Semver';
  readonly numbers: readonly [bigint, bigint, bigint];
  readonly pre: readonly string[];

  constructor(numbers: readonly [bigint, bigint, bigint], pre: readonly string[]) {
    super();
    this.numbers = numbers;
    this.pre = pre;
  }

  /** What was built, behind the `+`, does not count. */
  equals(other: CelOpaque): boolean {
    return other instanceof CelSemver && compare(this, other) === 0n;
  }
}

const quoted = (text: string): string => JSON.stringify(text);
const PARTS = ['major', 'minor', 'patch'] as const;

function parse(text: string): CelSemver | Fault {
  if (text === '') return new Fault('Version string empty');
  const [major, minor, ...rest] = text.split('.');
  if (major === undefined || minor === undefined || rest.length === 0)
    return new Fault('No Major.Minor.Patch elements found');
  const tail = rest.join('.');
  const plus = tail.indexOf('+');
  const build = plus < 0 ? [] : tail.slice(plus + 1).split('.');
  const version = plus < 0 ? tail : tail.slice(0, plus);
  const dash = version.indexOf('-');
  const pre = dash < 0 ? [] : version.slice(dash + 1).split('.');
  const numbers = [major, minor, dash < 0 ? version : version.slice(0, dash)];
  for (const [i, digits] of numbers.entries()) {
    const part = PARTS[i] ?? '';
    if (!/^[0-9]+$/.test(digits))
      return new Fault(`Invalid character(s) found in ${part} number ${quoted(digits)}`);
    if (digits.length > 1 && digits.startsWith('0')) {
      const name = part.charAt(0).toUpperCase() + part.slice(1);
      return new Fault(`${name} number must not contain leading zeroes ${quoted(digits)}`);
    }
  }
  const problem =
    pre.map(preProblem).find((found) => found !== undefined) ?? build.map(buildProblem).find(Boolean);
  if (problem) return new Fault(problem);
  return new CelSemver(numbers.map(BigInt) as unknown as CelSemver['numbers'], pre);
}

function preProblem(part: string): string | undefined {
  if (part === '') return 'Prerelease is empty';
  if (/^0[0-9]+$/.test(part))
    return `Numeric PreRelease version must not contain leading zeroes ${quoted(part)}`;
  return /^[0-9A-Za-z-]+$/.test(part)
    ? undefined
    : `Invalid character(s) found in prerelease ${quoted(part)}`;
}

function buildProblem(part: string): string | undefined {
  if (part === '') return 'Build meta data is empty';
  return /^[0-9A-Za-z-]+$/.test(part)
    ? undefined
    : `Invalid character(s) found in build meta data ${quoted(part)}`;
}

/** `v1` is `1.0.0`, `1.02` is `1.2.0`. */
function normalize(text: string): CelSemver | Fault {
  const [major = '', minor, ...rest] = text.replace(/^v/, '').split('.');
  const parts = [major, minor, rest.length > 0 ? rest.join('.') : undefined]
    .filter((part) => part !== undefined)
    .map((part) => (part.length > 1 ? part.replace(/^0+(?=[0-9])/, '') : part));
  if (parts.length < 3 && /[+-]/.test(parts.at(-1) ?? ''))
    return new Fault('short version cannot contain PreRelease/Build meta data');
  while (parts.length < 3) parts.push('0');
  return parse(parts.join('.'));
}

function compare(a: CelSemver, b: CelSemver): bigint {
  for (const [i, number] of a.numbers.entries()) {
    const other = b.numbers[i] ?? 0n;
    if (number !== other) return number < other ? -1n : 1n;
  }
  if (a.pre.length === 0 || b.pre.length === 0)
    return BigInt(Number(b.pre.length > 0) - Number(a.pre.length > 0));
  for (let i = 0; i < Math.min(a.pre.length, b.pre.length); i++) {
    const order = compareIdentifiers(a.pre[i] ?? '', b.pre[i] ?? '');
    if (order !== 0n) return order;
  }
  return BigInt(Math.sign(a.pre.length - b.pre.length));
}

function compareIdentifiers(a: string, b: string): bigint {
  const [isNumberA, isNumberB] = [/^[0-9]+$/.test(a), /^[0-9]+$/.test(b)];
  if (isNumberA !== isNumberB) return isNumberA ? -1n : 1n;
  const [x, y] = isNumberA ? [BigInt(a), BigInt(b)] : [a, b];
  return x < y ? -1n : x > y ? 1n : 0n;
}

const read = (text: string, tolerant: boolean): CelSemver | Fault =>
  tolerant ? normalize(text) : parse(text);
const S = 'kubernetes.Semver';

export const semvers: Library = {
  semver: [
    [`(string) ${S}`, (text: string) => parse(text), reads()],
    [`(string, bool) ${S}`, (text: string, tolerant: boolean) => read(text, tolerant), reads()],
  ],
  isSemver: [
    ['(string) bool', (text: string) => parse(text) instanceof CelSemver, reads()],
    [
      '(string, bool) bool',
      (text: string, tolerant: boolean) => read(text, tolerant) instanceof CelSemver,
      reads(),
    ],
  ],
  isGreaterThan: [[`${S}.(${S}) bool`, (a: CelSemver, b: CelSemver) => compare(a, b) > 0n]],
  isLessThan: [[`${S}.(${S}) bool`, (a: CelSemver, b: CelSemver) => compare(a, b) < 0n]],
  compareTo: [[`${S}.(${S}) int`, (a: CelSemver, b: CelSemver) => compare(a, b)]],
  major: [[`${S}.() int`, ({ numbers }: CelSemver) => numbers[0]]],
  minor: [[`${S}.() int`, ({ numbers }: CelSemver) => numbers[1]]],
  patch: [[`${S}.() int`, ({ numbers }: CelSemver) => numbers[2]]],
};
