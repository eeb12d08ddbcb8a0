import type { Library } from '#server/cel/functions.ts';
import { reads } from '#server/cel/library/costs.ts';
import { formatText } from '#server/cel/library/text-format.ts';
import type { Run } from '#server/cel/run.ts';
import { type CelList, type CelValue, Fault, sizeOf, ValueList } from '#server/cel/value.ts';

/** The strings extension of version 2. Positions count code points. Rule: cel-go `ext/strings.go`. */
const outOfRange = (index: bigint): Fault => new Fault(`index out of range: ${index}`);
const isIndex = (index: bigint, size: number): boolean => index >= 0n && index <= BigInt(size);

/** The code points of a text, counted as work. */
function points(text: string, run: Run): readonly string[] {
  run.work(text.length);
  return [...text];
}

function charAt(text: string, index: bigint, run: Run): string | Fault {
  const chars = points(text, run);
  return isIndex(index, chars.length) ? (chars[Number(index)] ?? '') : outOfRange(index);
}

/** In code points, -1 where it is not. */
function find(text: string, part: string, from: bigint, run: Run): bigint | Fault {
  if (part === '') return from;
  if (from < 0n) return outOfRange(from);
  const chars = points(text, run);
  if (from >= BigInt(chars.length)) return -1n;
  const start = chars.slice(0, Number(from)).join('').length;
  const found = text.indexOf(part, start);
  return found < 0 ? -1n : BigInt(points(text.slice(0, found), run).length);
}

function findLast(text: string, part: string, from: bigint, run: Run): bigint | Fault {
  if (part === '') return from;
  if (from < 0n) return outOfRange(from);
  const chars = points(text, run);
  if (from >= BigInt(chars.length)) return -1n;
  const end = chars.slice(0, Number(from)).join('').length;
  const found = text.lastIndexOf(part, end);
  return found < 0 ? -1n : BigInt(points(text.slice(0, found), run).length);
}

function replace(text: string, old: string, by: string, limit: bigint, run: Run): string {
  if (limit === 0n) return text;
  const parts = old === '' ? ['', ...points(text, run), ''] : text.split(old);
  const most = limit < 0n ? parts.length - 1 : Math.min(parts.length - 1, Number(limit));
  run.work(text.length + most * (by.length + 1));
  return (
    parts.slice(0, most + 1).join(by) +
    parts
      .slice(most + 1)
      .map((part) => old + part)
      .join('')
  );
}

function split(text: string, separator: string, limit: bigint, run: Run): CelValue {
  if (limit === 0n) return new ValueList([]);
  const parts = separator === '' ? points(text, run) : text.split(separator);
  run.work(text.length);
  if (limit < 0n || BigInt(parts.length) <= limit) return new ValueList(parts);
  const kept = Number(limit) - 1;
  return new ValueList([...parts.slice(0, kept), parts.slice(kept).join(separator)]);
}

function substring(text: string, start: bigint, end: bigint | undefined, run: Run): string | Fault {
  const chars = points(text, run);
  if (end !== undefined && start > end)
    return new Fault(`invalid substring range. start: ${start}, end: ${end}`);
  if (!isIndex(start, chars.length)) return outOfRange(start);
  if (end !== undefined && !isIndex(end, chars.length)) return outOfRange(end);
  return chars.slice(Number(start), end === undefined ? undefined : Number(end)).join('');
}

function join(list: CelList, separator: string, run: Run): string | Fault {
  const parts: string[] = [];
  for (const item of list) {
    if (typeof item !== 'string') return new Fault('no such overload');
    run.work(item.length + separator.length + 1);
    parts.push(item);
  }
  return parts.join(separator);
}

const QUOTED: ReadonlyMap<string, string> = new Map([
  ['\x07', '\\a'],
  ['\b', '\\b'],
  ['\f', '\\f'],
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
  ['\v', '\\v'],
  ['\\', '\\\\'],
  ['"', '\\"'],
]);

/** As a CEL literal. */
const quote = (text: string): string =>
  `"${text.replace(/[\p{Cc}\\"]/gu, (char) => QUOTED.get(char) ?? char)}"`;

const lower = (text: string): string => text.replace(/[A-Z]+/g, (part) => part.toLowerCase());
const upper = (text: string): string => text.replace(/[a-z]+/g, (part) => part.toUpperCase());
/** What Go calls a space: JavaScript's, with the next line and without the byte order mark. */
const isSpace = (char: string): boolean => char === '\x85' || (char !== '\ufeff' && /\s/.test(char));

function trim(text: string): string {
  let from = 0;
  let to = text.length;
  while (from < to && isSpace(text.charAt(from))) from++;
  while (to > from && isSpace(text.charAt(to - 1))) to--;
  return text.slice(from, to);
}

const resultCost = (_: readonly CelValue[], result: CelValue): number => Math.ceil(sizeOf(result) * 0.2);

export const strings: Library = {
  charAt: [['string.(int) string', charAt]],
  indexOf: [
    ['string.(string) int', (text: string, part: string, run: Run) => find(text, part, 0n, run), reads()],
    ['string.(string, int) int', find, reads()],
  ],
  lastIndexOf: [
    [
      'string.(string) int',
      (text: string, part: string, run: Run) => {
        const size = BigInt(points(text, run).length);
        if (part === '') return size;
        return size === 0n ? -1n : findLast(text, part, size - 1n, run);
      },
      reads(),
    ],
    ['string.(string, int) int', findLast, reads()],
  ],
  lowerAscii: [['string.() string', lower, reads()]],
  upperAscii: [['string.() string', upper, reads()]],
  trim: [['string.() string', trim, reads()]],
  replace: [
    [
      'string.(string, string) string',
      (text: string, old: string, by: string, run: Run) => replace(text, old, by, -1n, run),
      reads(2),
    ],
    ['string.(string, string, int) string', replace, reads(2)],
  ],
  split: [
    [
      'string.(string) list<string>',
      (text: string, separator: string, run: Run) => split(text, separator, -1n, run),
      reads(2),
    ],
    ['string.(string, int) list<string>', split, reads(2)],
  ],
  substring: [
    [
      'string.(int) string',
      (text: string, start: bigint, run: Run) => substring(text, start, undefined, run),
      reads(),
    ],
    ['string.(int, int) string', substring, reads()],
  ],
  join: [
    ['list<string>.() string', (list: CelList, run: Run) => join(list, '', run), resultCost],
    ['list<string>.(string) string', join, resultCost],
  ],
  format: [['string.(list<dyn>) string', formatText, reads()]],
  'strings.quote': [['(string) string', quote, reads()]],
};
