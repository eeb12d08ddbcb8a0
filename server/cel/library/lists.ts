import {
  type CelNumber,
  compareBytes,
  compareNumbers,
  compareStrings,
  equals,
  isNumber,
} from '#server/cel/equal.ts';
import type { Code, Cost, FunctionSpec, Library } from '#server/cel/functions.ts';
import type { Run } from '#server/cel/run.ts';
import { durationOf } from '#server/cel/time.ts';
import {
  CelDuration,
  CelList,
  CelMap,
  CelObject,
  CelOptional,
  type CelTimestamp,
  CelUint,
  type CelValue,
  Fault,
  sizeOf,
  ValueList,
} from '#server/cel/value.ts';

/** Lists, sets and optional values: Kubernetes' own functions and cel-go's `ext/lists.go`, `ext/sets.go`, `cel/library.go`. */
const SUMMABLE = ['int', 'uint', 'double', 'duration'];
const COMPARABLE = [...SUMMABLE, 'bool', 'timestamp', 'string', 'bytes'];

const each = (
  types: readonly string[],
  signature: (type: string) => string,
  code: Code,
  cost: Cost,
): FunctionSpec[] => types.map((type) => [signature(type), code, cost]);

/** One visit of each item, and of each character of those that are text. */
const visits: Cost = (args) => {
  let cost = 0;
  for (const item of args[0] as CelList)
    cost += typeof item === 'string' ? Math.floor(item.length * 0.1) : sizeOf(item);
  return cost;
};
const OWN_COST = 11;
const resultSize: Cost = (_, result) => sizeOf(result) + OWN_COST;
/** Every item with every other. */
const pairs =
  (index: number): Cost =>
  (args) => {
    const list = args[index] as CelList;
    const first = list.size > 0 ? list.at(0) : null;
    const factor = typeof first === 'string' || first instanceof Uint8Array ? 2.1 : 2;
    return Math.floor(list.size * list.size * factor) + OWN_COST;
  };
const product: Cost = (args) => 1 + sizeOf(args[0] as CelValue) * sizeOf(args[1] as CelValue);

/** Undefined for what has no order. */
function order(a: CelValue, b: CelValue): number | undefined {
  if (isNumber(a)) return isNumber(b) ? compareNumbers(a, b as CelNumber) : undefined;
  if (typeof a === 'string') return typeof b === 'string' ? compareStrings(a, b) : undefined;
  if (typeof a === 'boolean') return typeof b === 'boolean' ? Number(a) - Number(b) : undefined;
  if (a instanceof Uint8Array) return b instanceof Uint8Array ? compareBytes(a, b) : undefined;
  const x = (a as CelTimestamp | null)?.nanos;
  const y = (b as CelTimestamp | null)?.nanos;
  if (typeof x !== 'bigint' || typeof y !== 'bigint') return undefined;
  return x < y ? -1 : x > y ? 1 : 0;
}

function isSorted(list: CelList): boolean | Fault {
  for (let i = 1; i < list.size; i++) {
    const found = order(list.at(i - 1), list.at(i));
    if (found === undefined) return new Fault('no such overload');
    if (found > 0) return false;
  }
  return true;
}

function sum(zero: CelValue): Code {
  return ((list: CelList): CelValue | Fault => {
    let total = zero;
    for (const item of list) {
      const next = plus(total, item);
      if (next instanceof Fault) return next;
      total = next;
    }
    return total;
  }) as Code;
}

function plus(a: CelValue, b: CelValue): CelValue | Fault {
  if (typeof a === 'bigint' && typeof b === 'bigint')
    return BigInt.asIntN(64, a + b) === a + b ? a + b : new Fault('integer overflow');
  if (typeof a === 'number' && typeof b === 'number') return a + b;
  if (a instanceof CelUint && b instanceof CelUint) {
    const total = a.value + b.value;
    return BigInt.asUintN(64, total) === total ? new CelUint(total) : new Fault('unsigned integer overflow');
  }
  if (a instanceof CelDuration && b instanceof CelDuration)
    return durationOf(a.nanos + b.nanos) ?? new Fault('duration overflow');
  return new Fault('no such overload');
}

/** The last in the order of `sign`: 1 is the greatest. */
const extreme = (name: string, sign: number): Code =>
  ((list: CelList): CelValue | Fault => {
    let best: CelValue | undefined;
    for (const item of list) {
      const found = best === undefined ? 1 : order(item, best);
      if (found === undefined) return new Fault('no such overload');
      if (best === undefined || found * sign > 0) best = item;
    }
    return best === undefined ? new Fault(`${name} called on empty list`) : best;
  }) as Code;

function indexOf(list: CelList, item: CelValue, run: Run): bigint {
  for (let i = 0; i < list.size; i++) if (equals(list.at(i), item, run)) return BigInt(i);
  return -1n;
}

function lastIndexOf(list: CelList, item: CelValue, run: Run): bigint {
  for (let i = list.size - 1; i >= 0; i--) if (equals(list.at(i), item, run)) return BigInt(i);
  return -1n;
}

function slice(list: CelList, start: bigint, end: bigint): CelValue | Fault {
  const call = `cannot slice(${start}, ${end})`;
  if (start < 0n || end < 0n) return new Fault(`${call}, negative indexes not supported`);
  if (start > end) return new Fault(`${call}, start index must be less than or equal to end index`);
  if (BigInt(list.size) < end) return new Fault(`${call}, list is length ${list.size}`);
  return new ValueList([...list].slice(Number(start), Number(end)));
}

function flatten(list: CelList, depth: bigint, run: Run): CelValue | Fault {
  if (depth < 0n) return new Fault('level must be non-negative');
  const items: CelValue[] = [];
  const visit = (from: CelList, left: bigint): void => {
    for (const item of from) {
      run.work(1);
      if (item instanceof CelList && left > 0n) visit(item, left - 1n);
      else items.push(item);
    }
  };
  visit(list, depth);
  return new ValueList(items);
}

function sortBy(list: CelList, keys: CelList, run: Run): CelValue | Fault {
  run.work(list.size * 16);
  const pairs = [...list].map((item, i) => ({ item, key: keys.at(i) }));
  let isOrdered = true;
  pairs.sort((a, b) => {
    const found = order(a.key, b.key);
    if (found === undefined) isOrdered = false;
    return found ?? 0;
  });
  return isOrdered
    ? new ValueList(pairs.map(({ item }) => item))
    : new Fault('list elements must have the same type');
}

function range(count: bigint, run: Run): CelValue {
  const size = Number(count < 0n ? 0n : count);
  run.work(size);
  return new ValueList(Array.from({ length: size }, (_, i) => BigInt(i)));
}

function distinct(list: CelList, run: Run): CelValue {
  const items: CelValue[] = [];
  for (const item of list) if (!items.some((other) => equals(item, other, run))) items.push(item);
  return new ValueList(items);
}

const has = (list: CelList, item: CelValue, run: Run): boolean => indexOf(list, item, run) >= 0n;
const containsAll = (list: CelList, other: CelList, run: Run): boolean =>
  [...other].every((item) => has(list, item, run));

/** Nothing, zero, empty: what `optional.ofNonZeroValue` takes for absent. */
function isZero(value: CelValue): boolean {
  if (value === null || value === false || value === 0n || value === 0 || value === '') return true;
  if (value instanceof CelList || value instanceof CelMap) return value.size === 0;
  if (value instanceof Uint8Array) return value.length === 0;
  if (value instanceof CelUint) return value.value === 0n;
  if (value instanceof CelDuration) return value.nanos === 0n;
  return value instanceof CelObject && value.fields.size === 0;
}

const dereference = ({ value }: CelOptional): CelValue | Fault =>
  value === undefined ? new Fault('optional.none() dereference') : value;

function unwrap(list: CelList): CelValue | Fault {
  const items: CelValue[] = [];
  for (const item of list) {
    if (!(item instanceof CelOptional)) return new Fault(`value ${String(item)} is not optional`);
    if (item.value !== undefined) items.push(item.value);
  }
  return new ValueList(items);
}

const at = (index: (size: number) => number): Code =>
  ((list: CelList): CelValue =>
    list.size === 0 ? CelOptional.none : new CelOptional(list.at(index(list.size)))) as Code;

export const lists: Library = {
  isSorted: each(COMPARABLE, (t) => `list<${t}>.() bool`, isSorted as Code, visits),
  sum: [
    ['list<int>.() int', sum(0n), visits],
    ['list<uint>.() uint', sum(new CelUint(0n)), visits],
    ['list<double>.() double', sum(0), visits],
    ['list<duration>.() duration', sum(new CelDuration(0n)), visits],
  ],
  max: each(COMPARABLE, (t) => `list<${t}>.() ${t}`, extreme('max', 1), visits),
  min: each(COMPARABLE, (t) => `list<${t}>.() ${t}`, extreme('min', -1), visits),
  indexOf: [['list<A>.(A) int', indexOf, visits]],
  lastIndexOf: [['list<A>.(A) int', lastIndexOf, visits]],
  slice: [['list<T>.(int, int) list<T>', slice, resultSize]],
  flatten: [
    [
      'list<list<T>>.() list<T>',
      (list: CelList, run: Run) => flatten(list, 1n, run),
      (args) => sizeOf(args[0] as CelValue) + OWN_COST,
    ],
    [
      'list<dyn>.(int) list<dyn>',
      flatten,
      (args) => sizeOf(args[0] as CelValue) * Number(args[1]) + OWN_COST,
    ],
  ],
  sort: each(
    COMPARABLE,
    (t) => `list<${t}>.() list<${t}>`,
    ((list: CelList, run: Run) => sortBy(list, list, run)) as Code,
    pairs(0),
  ),
  '@sortByAssociatedKeys': each(COMPARABLE, (t) => `list<T>.(list<${t}>) list<T>`, sortBy as Code, pairs(1)),
  'lists.range': [['(int) list<int>', range, resultSize]],
  reverse: [['list<T>.() list<T>', (list: CelList) => new ValueList([...list].reverse()), resultSize]],
  distinct: [['list<T>.() list<T>', distinct, pairs(0)]],
  'sets.contains': [['(list<T>, list<T>) bool', containsAll, product]],
  'sets.equivalent': [
    [
      '(list<T>, list<T>) bool',
      (a: CelList, b: CelList, run: Run) => containsAll(a, b, run) && containsAll(b, a, run),
      (args, result) => 2 * product(args, result) - 1,
    ],
  ],
  'sets.intersects': [
    [
      '(list<T>, list<T>) bool',
      (a: CelList, b: CelList, run: Run) => [...a].some((item) => has(b, item, run)),
      product,
    ],
  ],
  'optional.of': [['(V) optional<V>', (value: CelValue) => new CelOptional(value)]],
  'optional.ofNonZeroValue': [
    ['(V) optional<V>', (value: CelValue) => (isZero(value) ? CelOptional.none : new CelOptional(value))],
  ],
  'optional.none': [['() optional<V>', () => CelOptional.none]],
  value: [['optional<V>.() V', dereference]],
  hasValue: [['optional<V>.() bool', ({ value }: CelOptional) => value !== undefined]],
  or: [
    [
      'optional<V>.(optional<V>) optional<V>',
      (a: CelOptional, b: CelOptional) => (a.value === undefined ? b : a),
    ],
  ],
  orValue: [
    ['optional<V>.(V) V', ({ value }: CelOptional, other: CelValue) => (value === undefined ? other : value)],
  ],
  first: [['list<V>.() optional<V>', at(() => 0)]],
  last: [['list<V>.() optional<V>', at((size) => size - 1)]],
  'optional.unwrap': [['(list<optional<V>>) list<V>', unwrap]],
  unwrapOpt: [['list<optional<V>>.() list<V>', unwrap]],
};
