import type { Overload } from '#server/cel/functions.ts';
import { traversal } from '#server/cel/library/costs.ts';
import { either, exactly, plus, type Range, scaled, times, UNKNOWN } from '#server/cel/range.ts';
import type { CelType } from '#server/cel/type.ts';

/** An argument, or the receiver, as far as it is known before there are values. */
export interface Argument {
  readonly type: CelType;
  readonly size: Range;
  /** The items of a list. */
  readonly itemSize: Range;
  /** Where it is written as a number. */
  readonly number: number | undefined;
}

export interface CallEstimate {
  readonly cost: Range;
  readonly size?: Range | undefined;
}

interface Call {
  readonly overload: Overload | undefined;
  readonly target: Argument | undefined;
  readonly args: readonly Argument[];
}

type Estimate = (call: Call) => CallEstimate | undefined;

const REGEX = 0.25;
const CHECK = 350_000;
const MAX_REGEX_OF_FORMAT = 128;
/** An address has 4 or 16 bytes. */
const ADDRESS: Range = { min: 4, max: 16 };

const ONE: CallEstimate = { cost: exactly(1) };
const first = ({ args }: Call): Range => args[0]?.size ?? UNKNOWN;
const second = ({ args }: Call): Range => args[1]?.size ?? UNKNOWN;
const receiver = ({ target }: Call): Range => target?.size ?? UNKNOWN;
const isText = ({ kind }: CelType): boolean => kind === 'string' || kind === 'bytes';

const readsFirst =
  (factor = 1): Estimate =>
  (call) => ({ cost: scaled(first(call), factor * traversal) });

const parsesFirst: Estimate = (call) => ({ cost: scaled(first(call), traversal), size: first(call) });
const readsReceiver: Estimate = (call) =>
  call.target && { cost: scaled(receiver(call), traversal), size: receiver(call) };

const overItems: Estimate = (call) => {
  const { target } = call;
  if (!target) return undefined;
  if (target.type.kind !== 'list') return { cost: scaled(target.size, traversal) };
  const each = isText(target.type.items) ? plus(exactly(1), scaled(target.itemSize, traversal)) : exactly(1);
  return { cost: times(target.size, each) };
};

const regex = (text: Range, pattern: Range): Range =>
  times(scaled(plus(text, exactly(1)), traversal), scaled(pattern, REGEX));

const finds: Estimate = (call) =>
  call.target && { cost: regex(receiver(call), first(call)), size: { min: 0, max: receiver(call).max } };

const splits: Estimate = (call) =>
  call.target && {
    cost: scaled(receiver(call), 2 * traversal),
    size: { min: 0, max: call.args[1]?.number ?? receiver(call).max },
  };

const joins: Estimate = (call) => {
  const { target, args } = call;
  if (!target) return undefined;
  let size = times(target.size, target.itemSize);
  if (args.length > 0) {
    const separators = { min: Math.max(target.size.min - 1, 0), max: Math.max(target.size.max - 1, 0) };
    size = plus(size, times(first(call), separators));
  }
  return { cost: scaled(size, traversal), size };
};

/** The longest and the shortest that a replacement can make of a text. */
const replaces: Estimate = (call) => {
  if (!call.target || call.args.length < 2) return undefined;
  const text = receiver(call);
  const old = first(call);
  const next = second(call);
  const longest =
    old.min === 0
      ? { count: text.max + 1, kept: text.max }
      : next.max <= old.min
        ? { count: 0, kept: text.max }
        : { count: Math.ceil(text.max / old.min), kept: 0 };
  const shortest =
    old.max === 0
      ? { count: text.min + 1, kept: text.min }
      : old.max <= next.min
        ? { count: 0, kept: text.min }
        : { count: Math.ceil(text.min / old.max), kept: 0 };
  const count = { min: shortest.count, max: longest.count };
  const size = plus(times(count, next), { min: shortest.kept, max: longest.kept });
  return { cost: scaled(text, 2 * traversal), size };
};

const contains =
  (readsAgain: Range): Estimate =>
  (call) => {
    const compared = plus(scaled(plus(ADDRESS, ADDRESS), traversal), readsAgain);
    const isParsed = call.overload?.params.at(-1)?.kind === 'string';
    return { cost: isParsed ? plus(compared, scaled(first(call), traversal)) : compared };
  };

const sets =
  (factor: number): Estimate =>
  (call) => ({ cost: plus(scaled(times(first(call), second(call)), factor), exactly(1)) });

/** Makes a list of this size. */
const allocates = (size: Range, factor = 1): CallEstimate => ({
  cost: plus(scaled(size, factor), exactly(1 + LIST_BASE)),
  size,
});

const LIST_BASE = 10;

const slices: Estimate = (call) => {
  const { target, args } = call;
  if (!target) return undefined;
  const end = args[1]?.number ?? target.size.max;
  return allocates(exactly(Math.max(end - (args[0]?.number ?? 0), 0)));
};

const flattens: Estimate = (call) => {
  const depth = call.args.length > 0 ? (call.args[0]?.number ?? Number.POSITIVE_INFINITY) : 1;
  return call.target && allocates(receiver(call), depth);
};

/** Each item is compared with each. */
const sorts = (list: Range, { overload }: Call): CallEstimate => {
  const keys = overload?.params.at(-1);
  const isTextual = keys?.kind === 'list' && isText(keys.items);
  return allocates(times(list, list), isTextual ? 2 + traversal : 2);
};

const compares: Estimate = (call) => {
  const most = Math.min(first(call).max, second(call).max);
  return { cost: scaled({ min: most > 0 ? 1 : 0, max: most }, traversal) };
};

const comparesText: Estimate = (call) =>
  isText(call.overload?.params[0] ?? TEXTLESS) ? compares(call) : ONE;
const TEXTLESS: CelType = { kind: 'dyn' };

const equals: Estimate = (call) => {
  const [left, right] = call.args;
  const isOpaque = left?.type.kind === 'opaque' && right?.type.kind === 'opaque';
  return isOpaque && left.type.params.length === 0 ? ONE : compares(call);
};

const adds: Estimate = (call) => {
  const kind = call.overload?.params[0]?.kind;
  const size = plus(first(call), second(call));
  if (kind === 'list') return { cost: exactly(1), size };
  return kind === 'string' || kind === 'bytes' ? { cost: scaled(size, traversal), size } : ONE;
};

const ESTIMATES: Readonly<Record<string, Estimate>> = {
  check: () => ({ cost: exactly(CHECK) }),
  fieldSelector: readsFirst(),
  labelSelector: readsFirst(),
  isSorted: overItems,
  sum: overItems,
  max: overItems,
  min: overItems,
  indexOf: overItems,
  lastIndexOf: overItems,
  url: parsesFirst,
  'jsonpatch.escapeKey': parsesFirst,
  lowerAscii: readsReceiver,
  upperAscii: readsReceiver,
  substring: readsReceiver,
  trim: readsReceiver,
  replace: replaces,
  split: splits,
  join: joins,
  find: finds,
  findAll: finds,
  cidr: readsFirst(),
  isIP: readsFirst(),
  isCIDR: readsFirst(),
  ip: (call) => (call.args.length > 0 ? readsFirst()(call) : ONE),
  'ip.isCanonical': readsFirst(2),
  containsIP: contains(exactly(0)),
  containsCIDR: contains(plus(scaled(ADDRESS, traversal), exactly(1))),
  quantity: readsFirst(),
  isQuantity: readsFirst(),
  semver: readsFirst(),
  isSemver: readsFirst(),
  validate: (call) => ({ cost: scaled(scaled(first(call), traversal), MAX_REGEX_OF_FORMAT * REGEX) }),
  'sets.contains': sets(1),
  'sets.intersects': sets(1),
  'sets.equivalent': sets(2),
  slice: slices,
  flatten: flattens,
  'lists.range': (call) => allocates(exactly(call.args[0]?.number ?? Number.POSITIVE_INFINITY)),
  reverse: (call) => (call.target?.type.kind === 'list' ? allocates(call.target.size) : ONE),
  distinct: (call) => call.target && allocates(times(call.target.size, call.target.size), 2),
  sort: (call) => call.target && sorts(call.target.size, call),
  '@sortByAssociatedKeys': (call) => sorts(first(call), call),
  format: (call) => call.target && { cost: scaled(receiver(call), traversal) },
  bytes: (call) =>
    call.overload?.params[0]?.kind === 'string'
      ? { cost: scaled(first(call), traversal), size: { min: first(call).min, max: first(call).max * 4 } }
      : ONE,
  string: (call) =>
    call.overload?.params[0]?.kind === 'bytes'
      ? {
          cost: scaled(first(call), traversal),
          size: { min: Math.floor(first(call).min / 4), max: first(call).max },
        }
      : ONE,
  'strings.quote': (call) => ({
    cost: scaled(first(call), traversal),
    size: { min: first(call).min + 2, max: first(call).max * 2 + 2 },
  }),
  startsWith: readsFirst(),
  endsWith: readsFirst(),
  '@in': (call) => (call.overload?.params[1]?.kind === 'list' ? { cost: second(call) } : ONE),
  matches: (call) => (call.target ? { cost: regex(receiver(call), first(call)) } : ONE),
  contains: (call) => ({ cost: times(scaled(receiver(call), traversal), scaled(first(call), traversal)) }),
  '_+_': adds,
  '_==_': equals,
  '_!=_': compares,
  '_<_': comparesText,
  '_<=_': comparesText,
  '_>_': comparesText,
  '_>=_': comparesText,
};

/** The cost of one call without that of its arguments. Rule: apiserver `pkg/cel/library/cost.go`, cel-go `checker/cost.go`. */
export function estimateCall(name: string, call: Call): CallEstimate {
  const estimate = Object.hasOwn(ESTIMATES, name) ? ESTIMATES[name] : undefined;
  return estimate?.(call) ?? ONE;
}

export const unite = (a: Range | undefined, b: Range | undefined): Range | undefined =>
  a && b ? either(a, b) : (a ?? b);
