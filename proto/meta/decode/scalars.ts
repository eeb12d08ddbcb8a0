import { formatDuration, parseDuration } from '#proto/meta/duration.ts';
import { canonicalQuantity } from '#proto/meta/quantity.ts';
import { formatMicroTime, formatTime, parseTimestamp } from '#proto/meta/timestamp.ts';
import type { Scalar } from '#proto/schema/schema.ts';

/** The value cannot be read as what it should be; the message is that of Go's own reader of the type. */
export class ValueProblem extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ValueProblem';
  }
}

/** How encoding/json names the kind of a value that does not fit. */
export function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  if (value === null) return 'null';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}

/**
 * The value of a scalar in its canonical form: quantities without fractions, times in UTC. Undefined when it
 * has the wrong JSON type, a {@link ValueProblem} when the type is right and the text is not.
 */
export function readScalar(scalar: Scalar, value: unknown): unknown {
  switch (scalar) {
    case 'string':
      return typeof value === 'string' ? value : undefined;
    case 'bool':
      return typeof value === 'boolean' ? value : undefined;
    case 'int32':
      return isInteger(value) && value >= -(2 ** 31) && value < 2 ** 31 ? value : undefined;
    case 'int':
    case 'int64':
      return readInt64(value);
    case 'float64':
      return typeof value === 'number' ? value : undefined;
    case 'bytes':
      return typeof value === 'string' ? readBytes(value) : undefined;
    case 'time':
    case 'microTime':
      return typeof value === 'string' ? readTime(value, scalar) : undefined;
    case 'duration':
      return typeof value === 'string' ? readDuration(value) : undefined;
    case 'quantity':
      return readQuantity(value);
    case 'intOrString':
      return typeof value === 'string' ? value : readScalar('int32', value);
    default:
      return value;
  }
}

const isInteger = (value: unknown): value is number => typeof value === 'number' && Number.isInteger(value);

/** Beyond 2^53 a JSON number is not exact here; the nearest one that is stands for "very much". */
function readInt64(value: unknown): number | undefined {
  if (!isInteger(value) || Math.abs(value) > 2 ** 63) return undefined;
  return Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, value));
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Line breaks are allowed within base64, as Go allows them. */
function readBytes(value: string): string {
  const text = /[\r\n]/.test(value) ? value.replace(/[\r\n]/g, '') : value;
  if (BASE64.test(text)) return text;
  const bad = text.search(/[^A-Za-z0-9+/]/);
  throw new ValueProblem(
    `illegal base64 data at input byte ${bad < 0 ? text.length - (text.length % 4) : bad}`,
  );
}

function readTime(value: string, scalar: 'time' | 'microTime'): string {
  const at = parseTimestamp(value);
  const text = at && (scalar === 'time' ? formatTime(at) : formatMicroTime(at));
  if (text !== undefined) return text;
  const form = scalar === 'time' ? '2006-01-02T15:04:05Z07:00' : '2006-01-02T15:04:05.000000Z07:00';
  throw new ValueProblem(
    `parsing time ${JSON.stringify(value)} as ${JSON.stringify(form)}: cannot parse ${JSON.stringify(value)} as "2006"`,
  );
}

function readDuration(value: string): string {
  const nanoseconds = parseDuration(value);
  if (nanoseconds === undefined) throw new ValueProblem(`time: invalid duration ${JSON.stringify(value)}`);
  return formatDuration(nanoseconds);
}

function readQuantity(value: unknown): string | undefined {
  if (typeof value !== 'string' && typeof value !== 'number') return undefined;
  try {
    return canonicalQuantity(String(value).replace('e+', 'e'));
  } catch (err) {
    throw new ValueProblem(err instanceof Error ? err.message : 'not a quantity');
  }
}
