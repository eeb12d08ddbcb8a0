/**
 * Quantities (`500m`, `1.5Gi`, `12e6`), exact: an integer times a power of ten. Rule: apimachinery
 * `pkg/api/resource`; parsing rounds away from zero below one nano, and the canonical form is the one that
 * the API server stores and answers.
 */
export interface Quantity {
  readonly unscaled: bigint;
  /** The value is `unscaled * 10 ** exponent`. */
  readonly exponent: number;
  readonly format: QuantityFormat;
  /** What was parsed, where upstream keeps it instead of the canonical form. */
  readonly text?: string;
}

export type QuantityFormat = 'DecimalSI' | 'BinarySI' | 'DecimalExponent';

/** The text is no quantity; the message is upstream's. */
export class QuantityError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'QuantityError';
  }
}

/** The sentence for what has not the form of a quantity at all. */
export const QUANTITY_FORM =
  "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
const SUFFIX = "unable to parse quantity's suffix";

const DECIMAL: Readonly<Record<string, number>> = {
  n: -9,
  u: -6,
  m: -3,
  '': 0,
  k: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
};
const BINARY: Readonly<Record<string, number>> = { Ki: 10, Mi: 20, Gi: 30, Ti: 40, Pi: 50, Ei: 60 };
const DECIMAL_SUFFIX = new Map(Object.entries(DECIMAL).map(([suffix, exponent]) => [exponent, suffix]));
const BINARY_SUFFIX = new Map(Object.entries(BINARY).map(([suffix, exponent]) => [exponent / 10, suffix]));

const MAX_INT64 = 2n ** 63n - 1n;
/** No amount of anything needs more, and powers of ten must not be a way to exhaust memory. */
const MAX_LENGTH = 256;
const MAX_EXPONENT = 200;

const FORM = /^([+-]?)([0-9]*)(?:\.([0-9]*))?([eEinumkKMGTP]*[-+]?[0-9]*)$/;

/** Throws a {@link QuantityError}. */
export function parseQuantity(text: string): Quantity {
  const form = text.length <= MAX_LENGTH ? FORM.exec(text) : null;
  if (!form || text === '') throw new QuantityError(QUANTITY_FORM);
  const [, sign = '', whole = '', fraction = '', suffix = ''] = form;
  if (whole === '' && fraction === '' && !/^[+-]?\.?$/.test(text) && !text.includes('.'))
    throw new QuantityError(QUANTITY_FORM);
  const { format, exponent } = readSuffix(suffix);
  const number = whole.replace(/^0+/, '') || '0';
  let unscaled = BigInt(number + fraction);
  let scale = -fraction.length;
  if (format === 'BinarySI') unscaled <<= BigInt(exponent);
  else scale += exponent;
  const kept = keepsText(number, fraction, exponent, scale, format) ? { text } : {};
  if (scale < -9 && unscaled !== 0n) {
    unscaled = divideAway(unscaled, 10n ** BigInt(-9 - scale));
    scale = -9;
  }
  let own = format;
  if (format === 'BinarySI' && kept.text === undefined) {
    if (scale === 0 ? unscaled > MAX_INT64 : unscaled > MAX_INT64 * 10n ** BigInt(-scale)) {
      unscaled = MAX_INT64;
      scale = 0;
    }
    if (scale < 0 && unscaled > 0n && unscaled < 10n ** BigInt(-scale)) own = 'DecimalSI';
  }
  return { unscaled: sign === '-' ? -unscaled : unscaled, exponent: scale, format: own, ...kept };
}

function readSuffix(suffix: string): { format: QuantityFormat; exponent: number } {
  const decimal = Object.hasOwn(DECIMAL, suffix) ? DECIMAL[suffix] : undefined;
  if (decimal !== undefined) return { format: 'DecimalSI', exponent: decimal };
  const binary = Object.hasOwn(BINARY, suffix) ? BINARY[suffix] : undefined;
  if (binary !== undefined) return { format: 'BinarySI', exponent: binary };
  if (!/^[eE][+-]?[0-9]+$/.test(suffix)) throw new QuantityError(SUFFIX);
  const exponent = Number(suffix.slice(1));
  if (Math.abs(exponent) > MAX_EXPONENT) throw new QuantityError(SUFFIX);
  return { format: 'DecimalExponent', exponent };
}

/** Upstream keeps a text that is nearly canonical as it was written: `1.500`, `+5`, `1000.1k`. */
function keepsText(
  number: string,
  fraction: string,
  exponent: number,
  scale: number,
  format: QuantityFormat,
): boolean {
  const digits = number + fraction;
  if (format === 'BinarySI') {
    const room = 15 - number.length - Math.trunc((exponent * 3) / 10) - 1;
    return fraction === '' && room >= 0 && (BigInt(number) & 7n) !== 0n;
  }
  if (digits.length > 18 || scale < -9) return false;
  return scale % 3 === 0 && !digits.endsWith('000') && !digits.startsWith('0');
}

function divideAway(value: bigint, by: bigint): bigint {
  const quotient = value / by;
  if (quotient * by === value) return quotient;
  return value < 0n ? quotient - 1n : quotient + 1n;
}

/** The value in units of `10 ** exponent`, rounded away from zero. */
function scaled(q: Quantity, exponent: number): bigint {
  const by = q.exponent - exponent;
  return by >= 0 ? q.unscaled * 10n ** BigInt(by) : divideAway(q.unscaled, 10n ** BigInt(-by));
}

/** The canonical form: no fraction, the largest suffix that loses nothing. */
export function formatQuantity(q: Quantity): string {
  if (q.text !== undefined) return q.text;
  if (q.unscaled === 0n) return '0';
  const whole = scaled(q, 0);
  const exact = q.exponent >= 0 || whole * 10n ** BigInt(-q.exponent) === q.unscaled;
  const small = whole > -1024n && whole < 1024n;
  if (q.format === 'BinarySI' && exact && !small) {
    const [amount, times] = removeFactors(whole, 1024n, BINARY_SUFFIX.size);
    return `${amount}${times === 0 ? '' : BINARY_SUFFIX.get(times)}`;
  }
  let [amount, times] = removeFactors(q.unscaled, 10n, Number.POSITIVE_INFINITY);
  let exponent = q.exponent + times;
  while (exponent % 3 !== 0) {
    amount *= 10n;
    exponent--;
  }
  if (q.format === 'DecimalExponent') return exponent === 0 ? `${amount}` : `${amount}e${exponent}`;
  for (; exponent > 18; exponent -= 3) amount *= 1000n;
  return `${amount}${DECIMAL_SUFFIX.get(exponent) ?? ''}`;
}

function removeFactors(value: bigint, factor: bigint, most: number): [bigint, number] {
  let times = 0;
  while (times < most && value !== 0n && value % factor === 0n) {
    value /= factor;
    times++;
  }
  return [value, times];
}

/** What the API server answers for a quantity that a client wrote, number or text. */
export const canonicalQuantity = (text: string): string => formatQuantity(parseQuantity(text.trim()));

const asQuantity = (q: Quantity | string): Quantity => (typeof q === 'string' ? parseQuantity(q) : q);

export function compareQuantities(a: Quantity | string, b: Quantity | string): -1 | 0 | 1 {
  const [x, y] = [asQuantity(a), asQuantity(b)];
  const exponent = Math.min(x.exponent, y.exponent);
  const difference = scaled(x, exponent) - scaled(y, exponent);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

/** The sum in canonical form, in the format of `a` unless that is zero. */
export function addQuantities(a: Quantity | string, b: Quantity | string): string {
  return formatQuantity(sum(asQuantity(a), asQuantity(b)));
}

/** `a - b` in canonical form. */
export function subtractQuantities(a: Quantity | string, b: Quantity | string): string {
  const y = asQuantity(b);
  return formatQuantity(sum(asQuantity(a), { ...y, unscaled: -y.unscaled }));
}

function sum(x: Quantity, y: Quantity): Quantity {
  const exponent = Math.min(x.exponent, y.exponent);
  const format = x.unscaled === 0n ? y.format : x.format;
  return { unscaled: scaled(x, exponent) + scaled(y, exponent), exponent, format };
}

const SIMPLE = /^([0-9]{1,9})(m|k|M|G|Ki|Mi|Gi)?$/;
const FACTOR: Readonly<Record<string, number>> = {
  k: 1e3,
  M: 1e6,
  G: 1e9,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
};

/** Whole units, rounded up: bytes of memory, a count of pods. Unset is 0; beyond 2^53 it rounds. */
export function quantityValue(text: string | undefined): number {
  if (text === undefined) return 0;
  const simple = SIMPLE.exec(text);
  if (!simple) return Number(scaled(parseQuantity(text), 0));
  const [, digits, suffix] = simple;
  if (suffix === 'm') return Math.ceil(Number(digits) / 1000);
  return Number(digits) * (suffix === undefined ? 1 : (FACTOR[suffix] ?? 1));
}

/** Thousandths, rounded up: milli-CPUs. Unset is 0. */
export function milliValue(text: string | undefined): number {
  if (text === undefined) return 0;
  const simple = SIMPLE.exec(text);
  if (!simple) return Number(scaled(parseQuantity(text), -3));
  const [, digits, suffix] = simple;
  if (suffix === 'm') return Number(digits);
  return Number(digits) * 1000 * (suffix === undefined ? 1 : (FACTOR[suffix] ?? 1));
}

/** The canonical quantity of so many bytes, as nodes report memory: `1024Mi` and not `1073741824`. */
export const bytesQuantity = (bytes: number): string =>
  formatQuantity({ unscaled: BigInt(Math.ceil(bytes)), exponent: 0, format: 'BinarySI' });

/** The canonical quantity of so many thousandths: `250m`, `2`. */
export const milliQuantity = (milli: number): string =>
  formatQuantity({ unscaled: BigInt(Math.ceil(milli)), exponent: -3, format: 'DecimalSI' });
