import { formatDouble } from '#server/cel/library/conversions.ts';
import type { Run } from '#server/cel/run.ts';
import { formatDuration, formatTimestamp } from '#server/cel/time.ts';
import type { CelType } from '#server/cel/type.ts';
import {
  CelDuration,
  CelList,
  CelMap,
  CelTimestamp,
  CelTypeValue,
  CelUint,
  type CelValue,
  Fault,
  runtimeName,
  typeName,
} from '#server/cel/value.ts';

const PRECISION = 6;
const MAX_PRECISION = 1000;

/** One `%…` of a pattern, or the text between two of them. */
export interface Clause {
  readonly text: string;
  /** `s`, `d`, `f`, `e`, `b`, `o`, `x`, `X`; absent for text. */
  readonly verb?: string;
  readonly precision?: number | undefined;
}

/** The parts of a pattern, or what is wrong with it. */
export function clausesOf(pattern: string): readonly Clause[] | Fault {
  const clauses: Clause[] = [];
  let from = 0;
  for (const found of pattern.matchAll(/%(%|(?:\.(\d+))?([\s\S]|$))/gu)) {
    clauses.push({ text: pattern.slice(from, found.index) });
    from = found.index + found[0].length;
    const [whole, , precision, verb = ''] = found;
    if (whole === '%%') clauses.push({ text: '%' });
    else if (verb === '') return new Fault('unexpected end of string');
    else if (!'sdfeboxX'.includes(verb))
      return new Fault(
        `could not parse formatting clause: unrecognized formatting clause ${JSON.stringify(verb)}`,
      );
    else
      clauses.push({ text: whole, verb, precision: precision === undefined ? undefined : Number(precision) });
  }
  return [...clauses, { text: pattern.slice(from) }];
}

/** `'%s has %d'.format([name, count])`, for readers of American English. Rule: cel-go `ext/formatting.go`. */
export function formatText(pattern: string, args: CelList, run: Run): string | Fault {
  const clauses = clausesOf(pattern);
  if (clauses instanceof Fault) return clauses;
  let next = 0;
  let result = '';
  for (const { text, verb, precision } of clauses) {
    if (verb !== undefined && next >= args.size) return new Fault(`index ${next} out of range`);
    const shown = verb === undefined ? text : formatVerb(verb, precision, args.at(next++), run);
    if (shown instanceof Fault) return shown;
    run.work(shown.length);
    result += shown;
  }
  return result;
}

function formatVerb(verb: string, precision: number | undefined, value: CelValue, run: Run): string | Fault {
  const digits = precision ?? PRECISION;
  if (digits > MAX_PRECISION) return new Fault(`precision ${digits} is out of range`);
  switch (verb) {
    case 's':
      return showText(value, run);
    case 'd':
      return wholeNumber(value)?.toString() ?? wrong('d', value);
    case 'f':
    case 'e': {
      const number = typeof value === 'string' ? special(value) : value;
      if (typeof number !== 'number') return wrong(verb, value);
      if (!Number.isFinite(number)) return Number.isNaN(number) ? 'NaN' : number > 0 ? '\u221e' : '-\u221e';
      return verb === 'f' ? grouped(number.toFixed(Math.min(digits, 100))) : scientific(number);
    }
    case 'b':
      if (typeof value === 'boolean') return value ? '1' : '0';
      return wholeNumber(value)?.toString(2) ?? wrong('b', value);
    case 'o':
      return wholeNumber(value)?.toString(8) ?? wrong('o', value);
    case 'x':
    case 'X': {
      const hex = hexadecimal(value);
      if (hex === undefined) return wrong('x', value);
      return verb === 'X' ? hex.toUpperCase() : hex;
    }
    default:
      return new Fault(`could not parse formatting clause: ${verb}`);
  }
}

/** What each clause takes: the words of its refusal, and the kinds of types. */
const RULES: ReadonlyMap<string, { readonly problem: string; readonly kinds: string }> = new Map(
  (
    [
      [
        's',
        'string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps',
        'string bool bytes int uint double map list type duration timestamp null',
      ],
      ['d', 'decimal clause can only be used on integers', 'int uint'],
      ['f', 'fixed-point clause can only be used on doubles', 'double string'],
      ['e', 'scientific clause can only be used on doubles', 'double string'],
      ['b', 'only integers and bools can be formatted as binary', 'int uint bool'],
      ['o', 'octal clause can only be used on integers', 'int uint'],
      ['x', 'only integers, byte buffers, and strings can be formatted as hex', 'int uint string bytes'],
    ] as const
  ).map(([verb, problem, kinds]) => [verb, { problem, kinds }]),
);

const refusal = (verb: string, name: string): string =>
  `error during formatting: ${RULES.get(verb.toLowerCase())?.problem ?? ''}, was given ${name}`;

const wrong = (verb: string, value: CelValue): Fault => new Fault(refusal(verb, typeName(value)));

/** What a checker can tell already: undefined where the clause takes the type. */
export function clauseProblem(verb: string, type: CelType): string | undefined {
  const kinds = RULES.get(verb.toLowerCase())?.kinds.split(' ');
  if (type.kind === 'dyn' || type.kind === 'error' || kinds?.includes(type.kind)) return undefined;
  return refusal(verb, runtimeName(type));
}

const special = (text: string): number | undefined =>
  text === 'NaN' || text === 'Infinity' || text === '-Infinity' ? Number(text) : undefined;

/** `12,345.68` */
const grouped = (text: string): string => text.replace(/\d(?=(?:\d{3})+(?:\.|$))(?<!\.\d*)/g, '$&,');

const SUPERSCRIPTS = '\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079';

/** `1.234500\u00d710\u2070\u00b3`; a precision is not looked at upstream either. */
function scientific(value: number): string {
  const [mantissa = '', exponent = ''] = value.toExponential(PRECISION).split('e');
  const digits = exponent
    .slice(1)
    .padStart(2, '0')
    .replace(/\d/g, (digit) => SUPERSCRIPTS[Number(digit)] ?? '');
  return `${mantissa}\u00d710${exponent.startsWith('-') ? '\u207b' : ''}${digits}`;
}

function wholeNumber(value: CelValue): bigint | undefined {
  if (typeof value === 'bigint') return value;
  return value instanceof CelUint ? value.value : undefined;
}

function hexadecimal(value: CelValue): string | undefined {
  if (typeof value === 'string') return Buffer.from(value).toString('hex');
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  return wholeNumber(value)?.toString(16);
}

/** `%s` of a value on its own. */
function showText(value: CelValue, run: Run): string | Fault {
  if (value === null) return 'null';
  switch (typeof value) {
    case 'string':
      return value;
    case 'boolean':
    case 'bigint':
      return String(value);
    case 'number':
      return formatDouble(value);
  }
  if (value instanceof CelUint) return String(value.value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString();
  if (value instanceof CelTimestamp) return formatTimestamp(value.nanos);
  if (value instanceof CelDuration) return formatDuration(value.nanos);
  if (value instanceof CelTypeValue) return value.name;
  if (value instanceof CelList) return showList(value, run);
  if (value instanceof CelMap) return showMap(value, run);
  return wrong('s', value);
}

/** A value inside of a list or a map: as a literal. */
function showLiteral(value: CelValue, run: Run): string | Fault {
  run.work(1);
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'number') {
    if (Number.isFinite(value)) return value.toFixed(PRECISION);
    return JSON.stringify(formatDouble(value));
  }
  if (value instanceof Uint8Array) return `b${JSON.stringify(Buffer.from(value).toString())}`;
  if (value instanceof CelTimestamp) return `timestamp("${formatTimestamp(value.nanos)}")`;
  if (value instanceof CelDuration) return `duration("${formatDuration(value.nanos)}")`;
  return showText(value, run);
}

function showList(list: CelList, run: Run): string | Fault {
  const parts: string[] = [];
  for (const item of list) {
    const shown = showLiteral(item, run);
    if (shown instanceof Fault) return shown;
    run.work(shown.length);
    parts.push(shown);
  }
  return `[${parts.join(', ')}]`;
}

function showMap(map: CelMap, run: Run): string | Fault {
  const parts: (readonly [string, string])[] = [];
  for (const key of map.keys()) {
    const name = showLiteral(key, run);
    const value = map.get(key);
    const shown = value === undefined || value instanceof Fault ? value : showLiteral(value, run);
    if (name instanceof Fault) return name;
    if (shown instanceof Fault) return shown;
    run.work(name.length + (shown?.length ?? 0));
    parts.push([name, shown ?? '']);
  }
  parts.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return `{${parts.map(([key, value]) => `${key}:${value}`).join(', ')}}`;
}
