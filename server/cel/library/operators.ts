import {
  type CelNumber,
  compareBytes,
  compareNumbers,
  compareStrings,
  equals,
  identityOf,
  isNumber,
} from '#server/cel/equal.ts';
import type { Code, Cost, FunctionSpec, Library } from '#server/cel/functions.ts';
import { stringPair, traversal } from '#server/cel/library/costs.ts';
import type { Run } from '#server/cel/run.ts';
import { durationOf, timestampOf } from '#server/cel/time.ts';
import {
  type CelDuration,
  type CelList,
  type CelMap,
  CelOpaque,
  type CelTimestamp,
  CelUint,
  type CelValue,
  Fault,
  sizeOf,
  ValueList,
} from '#server/cel/value.ts';

/** The operators of the language. `&&`, `||`, `?:` and indexing are the planner's; here is only what types they have. */
const MIN_INT = -(2n ** 63n);
const MAX_INT = 2n ** 63n - 1n;
const MAX_UINT = 2n ** 64n - 1n;

const int = (value: bigint): bigint | Fault =>
  value < MIN_INT || value > MAX_INT ? new Fault('integer overflow') : value;
const uint = (value: bigint): CelUint | Fault =>
  value < 0n || value > MAX_UINT ? new Fault('unsigned integer overflow') : new CelUint(value);
const duration = (nanos: bigint): CelValue | Fault => durationOf(nanos) ?? new Fault('duration overflow');
const timestamp = (nanos: bigint): CelValue | Fault => timestampOf(nanos) ?? new Fault('timestamp overflow');

/** `+` of sets and of associative lists keeps what is there and replaces what is equal. */
function add(a: CelList, b: CelList, run: Run): CelValue {
  run.work(a.size + b.size);
  const { type } = a;
  if (type.kind !== 'list' || type.listType === undefined) return new ValueList([...a, ...b]);
  const items = new Map<string, CelValue>();
  for (const item of [...a, ...b]) items.set(identityOf(item, type.mapKeys), item);
  return new TypedList([...items.values()], type);
}

class TypedList extends ValueList {
  override readonly type: CelList['type'];

  constructor(items: readonly CelValue[], type: CelList['type']) {
    super(items);
    this.type = type;
  }
}

const EQUALITY_COST: Cost = (args) => {
  const [a, b] = args as [CelValue, CelValue];
  if (a instanceof CelOpaque) return 1;
  return Math.ceil(Math.min(sizeOf(a), sizeOf(b)) * 0.1);
};

const ORDERED = ['bool', 'string', 'bytes', 'timestamp', 'duration'];
const NUMBERS = ['int', 'uint', 'double'];

/** The overloads of one comparison: numbers with each other, everything else with its own kind. */
function comparison(holds: (order: number) => boolean): readonly FunctionSpec[] {
  const code = ((a: CelValue, b: CelValue): CelValue | Fault => {
    const order = compare(a, b);
    return order === undefined ? new Fault('NaN values cannot be ordered') : holds(order);
  }) as Code;
  const own = ORDERED.map(
    (type): FunctionSpec => [
      `(${type}, ${type}) bool`,
      code,
      type === 'string' || type === 'bytes' ? stringPair : () => 1,
    ],
  );
  const numbers = NUMBERS.flatMap((a) => NUMBERS.map((b): FunctionSpec => [`(${a}, ${b}) bool`, code]));
  return [...own, ...numbers];
}

function compare(a: CelValue, b: CelValue): number | undefined {
  if (isNumber(a)) return compareNumbers(a, b as CelNumber);
  if (typeof a === 'string') return compareStrings(a, b as string);
  if (typeof a === 'boolean') return Number(a) - Number(b);
  if (a instanceof Uint8Array) return compareBytes(a, b as Uint8Array);
  const x = (a as CelTimestamp | CelDuration).nanos;
  const y = (b as CelTimestamp | CelDuration).nanos;
  return x < y ? -1 : x > y ? 1 : 0;
}

const nothing = (() => null) as Code;
const DIVISION = 'division by zero';
const MODULUS = 'modulus by zero';

export const operators: Library = {
  '_?_:_': [['(bool, A, A) A', nothing]],
  '_&&_': [['(bool, bool) bool', nothing]],
  '_||_': [['(bool, bool) bool', nothing]],
  '@not_strictly_false': [['(bool) bool', nothing]],
  '_[_]': [
    ['(list<A>, int) A', nothing],
    ['(map<A,B>, A) B', nothing],
    ['(optional<list<V>>, int) optional<V>', nothing],
    ['(optional<map<K,V>>, K) optional<V>', nothing],
  ],
  '_[?_]': [
    ['(list<V>, int) optional<V>', nothing],
    ['(optional<list<V>>, int) optional<V>', nothing],
    ['(map<K,V>, K) optional<V>', nothing],
    ['(optional<map<K,V>>, K) optional<V>', nothing],
  ],
  'cel.@mapInsert': [
    ['(map<K,V>, K, V) map<K,V>', nothing],
    ['(map<K,V>, map<K,V>) map<K,V>', nothing],
  ],
  '!_': [['(bool) bool', (a: boolean) => !a]],
  '-_': [
    ['(double) double', (a: number) => -a],
    ['(int) int', (a: bigint) => int(-a)],
  ],
  '_==_': [['(A, A) bool', (a: CelValue, b: CelValue, run: Run) => equals(a, b, run), EQUALITY_COST]],
  '_!=_': [['(A, A) bool', (a: CelValue, b: CelValue, run: Run) => !equals(a, b, run), EQUALITY_COST]],
  '_<_': comparison((order) => order < 0),
  '_<=_': comparison((order) => order <= 0),
  '_>_': comparison((order) => order > 0),
  '_>=_': comparison((order) => order >= 0),
  '_+_': [
    [
      '(bytes, bytes) bytes',
      (a: Uint8Array, b: Uint8Array) => new Uint8Array(Buffer.concat([a, b])),
      bothTraversed,
    ],
    ['(double, double) double', (a: number, b: number) => a + b],
    ['(duration, duration) duration', (a: CelDuration, b: CelDuration) => duration(a.nanos + b.nanos)],
    ['(duration, timestamp) timestamp', (a: CelDuration, b: CelTimestamp) => timestamp(a.nanos + b.nanos)],
    ['(timestamp, duration) timestamp', (a: CelTimestamp, b: CelDuration) => timestamp(a.nanos + b.nanos)],
    ['(int, int) int', (a: bigint, b: bigint) => int(a + b)],
    ['(list<A>, list<A>) list<A>', add],
    ['(string, string) string', (a: string, b: string) => a + b, bothTraversed],
    ['(uint, uint) uint', (a: CelUint, b: CelUint) => uint(a.value + b.value)],
  ],
  '_-_': [
    ['(double, double) double', (a: number, b: number) => a - b],
    ['(duration, duration) duration', (a: CelDuration, b: CelDuration) => duration(a.nanos - b.nanos)],
    ['(int, int) int', (a: bigint, b: bigint) => int(a - b)],
    ['(timestamp, duration) timestamp', (a: CelTimestamp, b: CelDuration) => timestamp(a.nanos - b.nanos)],
    ['(timestamp, timestamp) duration', (a: CelTimestamp, b: CelTimestamp) => duration(a.nanos - b.nanos)],
    ['(uint, uint) uint', (a: CelUint, b: CelUint) => uint(a.value - b.value)],
  ],
  '_*_': [
    ['(double, double) double', (a: number, b: number) => a * b],
    ['(int, int) int', (a: bigint, b: bigint) => int(a * b)],
    ['(uint, uint) uint', (a: CelUint, b: CelUint) => uint(a.value * b.value)],
  ],
  '_/_': [
    ['(double, double) double', (a: number, b: number) => a / b],
    ['(int, int) int', (a: bigint, b: bigint) => (b === 0n ? new Fault(DIVISION) : int(a / b))],
    [
      '(uint, uint) uint',
      (a: CelUint, b: CelUint) => (b.value === 0n ? new Fault(DIVISION) : uint(a.value / b.value)),
    ],
  ],
  '_%_': [
    ['(int, int) int', (a: bigint, b: bigint) => (b === 0n ? new Fault(MODULUS) : int(a % b))],
    [
      '(uint, uint) uint',
      (a: CelUint, b: CelUint) => (b.value === 0n ? new Fault(MODULUS) : uint(a.value % b.value)),
    ],
  ],
  '@in': [
    ['(A, list<A>) bool', contains, (args) => sizeOf(args[1] as CelValue)],
    ['(A, map<A,B>) bool', (key: CelValue, map: CelMap) => map.get(key) !== undefined],
  ],
};

function bothTraversed(args: readonly CelValue[]): number {
  return Math.ceil((sizeOf(args[0] as CelValue) + sizeOf(args[1] as CelValue)) * traversal);
}

function contains(item: CelValue, list: CelList, run: Run): boolean {
  for (const other of list) if (equals(item, other, run)) return true;
  return false;
}
