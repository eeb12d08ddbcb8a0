import {
  addQuantities,
  compareQuantities,
  parseQuantity,
  type Quantity,
  QuantityError,
  subtractQuantities,
} from '#proto/meta/quantity.ts';
import type { Library } from '#server/cel/functions.ts';
import { reads } from '#server/cel/library/costs.ts';
import { CelOpaque, Fault } from '#server/cel/value.ts';

/** Amounts: `quantity('1.5Gi')`. Rule: apiserver `pkg/cel/library/quantity.go`. */
class CelQuantity extends CelOpaque {
  readonly typeName = 'kubernetes.Quantity';
  readonly quantity: Quantity;

  constructor(quantity: Quantity) {
    super();
    this.quantity = quantity;
  }

  equals(other: CelOpaque): boolean {
    return other instanceof CelQuantity && compareQuantities(this.quantity, other.quantity) === 0;
  }
}

function parse(text: string): CelQuantity | Fault {
  try {
    return new CelQuantity(parseQuantity(text));
  } catch (err) {
    if (err instanceof QuantityError) return new Fault(err.message);
    throw err;
  }
}

/** Whole, and in the range of int64. */
function asInteger({ quantity }: CelQuantity): bigint | undefined {
  const { unscaled, exponent } = quantity;
  const by = 10n ** BigInt(Math.abs(exponent));
  if (exponent < 0 && unscaled % by !== 0n) return undefined;
  const value = exponent < 0 ? unscaled / by : unscaled * by;
  return BigInt.asIntN(64, value) === value ? value : undefined;
}

const ofInt = (value: bigint): Quantity => ({ unscaled: value, exponent: 0, format: 'DecimalExponent' });
const add = (a: CelQuantity, b: Quantity): CelQuantity =>
  new CelQuantity(parseQuantity(addQuantities(a.quantity, b)));
const subtract = (a: CelQuantity, b: Quantity): CelQuantity =>
  new CelQuantity(parseQuantity(subtractQuantities(a.quantity, b)));
const compare = (a: CelQuantity, b: CelQuantity): number => compareQuantities(a.quantity, b.quantity);

const Q = 'kubernetes.Quantity';

export const quantities: Library = {
  quantity: [[`(string) ${Q}`, parse, reads()]],
  isQuantity: [['(string) bool', (text: string) => parse(text) instanceof CelQuantity, reads()]],
  sign: [
    [
      `(${Q}) int`,
      ({ quantity: { unscaled } }: CelQuantity) => (unscaled > 0n ? 1n : unscaled < 0n ? -1n : 0n),
    ],
  ],
  isGreaterThan: [[`${Q}.(${Q}) bool`, (a: CelQuantity, b: CelQuantity) => compare(a, b) > 0]],
  isLessThan: [[`${Q}.(${Q}) bool`, (a: CelQuantity, b: CelQuantity) => compare(a, b) < 0]],
  compareTo: [[`${Q}.(${Q}) int`, (a: CelQuantity, b: CelQuantity) => BigInt(compare(a, b))]],
  asApproximateFloat: [
    [`${Q}.() double`, ({ quantity }: CelQuantity) => Number(quantity.unscaled) * 10 ** quantity.exponent],
  ],
  asInteger: [
    [`${Q}.() int`, (a: CelQuantity) => asInteger(a) ?? new Fault('cannot convert value to integer')],
  ],
  isInteger: [[`${Q}.() bool`, (a: CelQuantity) => asInteger(a) !== undefined]],
  add: [
    [`${Q}.(${Q}) ${Q}`, (a: CelQuantity, b: CelQuantity) => add(a, b.quantity)],
    [`${Q}.(int) ${Q}`, (a: CelQuantity, b: bigint) => add(a, ofInt(b))],
  ],
  sub: [
    [`${Q}.(${Q}) ${Q}`, (a: CelQuantity, b: CelQuantity) => subtract(a, b.quantity)],
    [`${Q}.(int) ${Q}`, (a: CelQuantity, b: bigint) => subtract(a, ofInt(b))],
  ],
};
