import type { Library } from '#server/cel/functions.ts';
import { matching, reads } from '#server/cel/library/costs.ts';
import { matches } from '#server/cel/library/regex.ts';
import {
  durationOf,
  formatDuration,
  formatTimestamp,
  parseDuration,
  parseTimestamp,
  SECOND,
  split,
  timestampOf,
} from '#server/cel/time.ts';
import {
  type CelDuration,
  type CelList,
  type CelMap,
  type CelTimestamp,
  CelTypeValue,
  CelUint,
  type CelValue,
  codePoints,
  Fault,
  typeName,
} from '#server/cel/value.ts';

/** What the standard library has beside operators and times: sizes, conversions, the tests of strings. */
const MAX_INT = 2n ** 63n - 1n;
const MIN_INT = -MAX_INT - 1n;
const MAX_UINT = 2n ** 64n - 1n;

const same = (value: CelValue): CelValue => value;
const cannot = (from: string, to: string): Fault =>
  new Fault(`type conversion error from '${from}' to '${to}'`);

function stringToInt(text: string): bigint | Fault {
  if (!/^[+-]?[0-9]+$/.test(text)) return cannot('string', 'int');
  const value = text.length > 40 ? MAX_INT + 1n : BigInt(text.replace(/^\+/, ''));
  return value > MAX_INT || value < MIN_INT ? cannot('string', 'int') : value;
}

function stringToUint(text: string): CelUint | Fault {
  if (!/^[0-9]+$/.test(text)) return cannot('string', 'uint');
  const value = text.length > 40 ? MAX_UINT + 1n : BigInt(text);
  return value > MAX_UINT ? cannot('string', 'uint') : new CelUint(value);
}

function stringToDouble(text: string): number | Fault {
  if (/^[+-]?(inf|infinity)$/i.test(text)) return text.startsWith('-') ? -Infinity : Infinity;
  if (/^nan$/i.test(text)) return Number.NaN;
  if (!/^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$/.test(text))
    return cannot('string', 'double');
  const value = Number(text);
  return Number.isFinite(value) ? value : cannot('string', 'double');
}

function doubleToInt(value: number): bigint | Fault {
  if (!Number.isFinite(value) || value <= -(2 ** 63) || value >= 2 ** 63)
    return new Fault('integer overflow');
  return BigInt(Math.trunc(value));
}

function doubleToUint(value: number): CelUint | Fault {
  if (!Number.isFinite(value) || value < 0 || value >= 2 ** 64) return new Fault('unsigned integer overflow');
  return new CelUint(BigInt(Math.trunc(value)));
}

function stringToBool(text: string): boolean | Fault {
  if (['1', 't', 'true', 'TRUE', 'True', 'T'].includes(text)) return true;
  if (['0', 'f', 'false', 'FALSE', 'False', 'F'].includes(text)) return false;
  return cannot('string', 'bool');
}

/** As Go's `%g` in its shortest form: an exponent below 1e-4 and from 1e6 on, of two digits at least. */
export function formatDouble(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  if (Object.is(value, -0)) return '-0';
  const size = Math.abs(value);
  if (value !== 0 && (size < 1e-4 || size >= 1e6))
    return value.toExponential().replace(/e([+-])(\d)$/, 'e$10$2');
  return String(value);
}

const decoder = new TextDecoder('utf-8', { fatal: true });

function bytesToString(bytes: Uint8Array): string | Fault {
  try {
    return decoder.decode(bytes);
  } catch {
    return new Fault('invalid UTF-8 in bytes, cannot convert to string');
  }
}

const size = (value: CelList | CelMap): bigint => BigInt(value.size);
const textSize = (text: string): bigint => BigInt(codePoints(text));
const byteSize = (bytes: Uint8Array): bigint => BigInt(bytes.length);

export const conversions: Library = {
  size: [
    ['(bytes) int', byteSize],
    ['bytes.() int', byteSize],
    ['(list<A>) int', size],
    ['list<A>.() int', size],
    ['(map<A,B>) int', size],
    ['map<A,B>.() int', size],
    ['(string) int', textSize],
    ['string.() int', textSize],
  ],
  type: [['(A) type<A>', (value: CelValue) => new CelTypeValue(typeName(value))]],
  dyn: [['(A) dyn', same]],
  bool: [
    ['(bool) bool', same],
    ['(string) bool', stringToBool],
  ],
  bytes: [
    ['(bytes) bytes', same],
    ['(string) bytes', (text: string) => new TextEncoder().encode(text), reads()],
  ],
  double: [
    ['(double) double', same],
    ['(int) double', (value: bigint) => Number(value)],
    ['(string) double', stringToDouble],
    ['(uint) double', (value: CelUint) => Number(value.value)],
  ],
  duration: [
    ['(duration) duration', same],
    ['(int) duration', (nanos: bigint) => durationOf(nanos) ?? new Fault('duration overflow')],
    [
      '(string) duration',
      (text: string) => parseDuration(text) ?? cannot('string', 'google.protobuf.Duration'),
    ],
  ],
  int: [
    ['(int) int', same],
    ['(double) int', doubleToInt],
    ['(duration) int', (value: CelDuration) => value.nanos],
    ['(string) int', stringToInt],
    ['(timestamp) int', (value: CelTimestamp) => split(value.nanos).seconds],
    ['(uint) int', ({ value }: CelUint) => (value > MAX_INT ? new Fault('integer overflow') : value)],
  ],
  string: [
    ['(string) string', same],
    ['(bool) string', String],
    ['(bytes) string', bytesToString, reads()],
    ['(double) string', formatDouble],
    ['(duration) string', (value: CelDuration) => formatDuration(value.nanos)],
    ['(int) string', String],
    ['(timestamp) string', (value: CelTimestamp) => formatTimestamp(value.nanos)],
    ['(uint) string', (value: CelUint) => String(value.value)],
  ],
  timestamp: [
    ['(timestamp) timestamp', same],
    [
      '(int) timestamp',
      (seconds: bigint) => timestampOf(seconds * SECOND) ?? new Fault('timestamp overflow'),
    ],
    [
      '(string) timestamp',
      (text: string) => parseTimestamp(text) ?? cannot('string', 'google.protobuf.Timestamp'),
    ],
  ],
  uint: [
    ['(uint) uint', same],
    ['(double) uint', doubleToUint],
    [
      '(int) uint',
      (value: bigint) => (value < 0n ? new Fault('unsigned integer overflow') : new CelUint(value)),
    ],
    ['(string) uint', stringToUint],
  ],
  contains: [
    [
      'string.(string) bool',
      (text: string, part: string) => text.includes(part),
      (args) => reads()([args[0] as CelValue], true) * reads()([args[1] as CelValue], true),
    ],
  ],
  endsWith: [['string.(string) bool', (text: string, end: string) => text.endsWith(end), reads()]],
  startsWith: [['string.(string) bool', (text: string, start: string) => text.startsWith(start), reads()]],
  matches: [
    ['(string, string) bool', matches, matching],
    ['string.(string) bool', matches, matching],
  ],
};
