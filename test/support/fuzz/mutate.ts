/** Values that break assumptions: of type, of size, of syntax, of what a key may be called. */
const WEIRD: readonly unknown[] = [
  ...[null, true, false, 0, -1, 1, 1.5, -0, 1e308, 2 ** 31, 2 ** 53, 2 ** 63, -(2 ** 63)],
  ...['', ' ', 'a', 'A', '0', '-1', '../..', '/', '\u0000', '\ud800', 'é'.repeat(70), 'x'.repeat(5000)],
  ...['1e999999999', '1e-999999999', '9'.repeat(400), '1Ki1', '0.0000000000000001', '-5m', '100%', '101%'],
  ...['2026-01-01T00:00:00Z', '9999-99-99T99:99:99Z', '0000-00-00T00:00:00Z', '0001-01-01T00:00:00Z'],
  ...['10.43.0.1', '999.1.1.1', '::1', '10.0.0.0/33', '$(A)', '(((((', '*/0 * * * *', '0 0 31 2 *'],
  ...['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf', 'default', 'Node', 'None'],
  ...[
    [],
    {},
    [null],
    [[]],
    [{}],
    { a: null },
    { toString: 1 },
    { constructor: { prototype: {} } },
    { '': '' },
  ],
];

const WEIRD_STRINGS = WEIRD.filter((value) => typeof value === 'string');
const WEIRD_NUMBERS = WEIRD.filter((value) => Number.isSafeInteger(value));

type Random = () => number;
type Container = Record<string, unknown> | unknown[];

export const pick = <T>(random: Random, from: readonly T[]): T => {
  if (from.length === 0) throw new Error('nothing to pick from');
  return from[Math.floor(random() * from.length)] as T;
};

const isContainer = (value: unknown): value is Container => typeof value === 'object' && value !== null;

/** Every object and list inside a value, itself first. */
function containersOf(value: unknown, found: Container[] = []): Container[] {
  if (!isContainer(value)) return found;
  found.push(value);
  for (const inner of Object.values(value)) containersOf(inner, found);
  return found;
}

const deep = (random: Random): unknown => {
  let value: unknown = 'bottom';
  const list = random() < 0.5;
  for (let depth = 0; depth < 300; depth++) value = list ? [value] : { a: value };
  return value;
};

/** JSON text has no way to say `__proto__` through an object literal's assignment, so it is defined. */
const put = (into: Container, key: string, value: unknown): void => {
  Object.defineProperty(into, key, { value, enumerable: true, configurable: true, writable: true });
};

/** Of the same type, so that it passes the decoder and meets what is behind. */
function weirdInstead(random: Random, value: unknown): unknown {
  if (typeof value === 'string') return pick(random, WEIRD_STRINGS);
  if (typeof value === 'number') return pick(random, WEIRD_NUMBERS);
  return Array.isArray(value) ? [] : {};
}

function mutateOnce(random: Random, root: unknown, donor: unknown): void {
  if (!isContainer(root)) return;
  const into = pick(random, containersOf(root));
  const keys = Object.keys(into);
  const key = keys.length > 0 ? pick(random, keys) : 'x';
  const dice = random();
  if (dice < 0.35) put(into, key, weirdInstead(random, into[key as keyof Container]));
  else if (dice < 0.5) put(into, key, structuredClone(pick(random, WEIRD)));
  else if (dice < 0.65) Reflect.deleteProperty(into, key);
  else if (dice < 0.75) put(into, key, structuredClone(pick(random, containersOf(donor)) ?? null));
  else if (dice < 0.85) put(into, pick(random, WEIRD_STRINGS), structuredClone(pick(random, WEIRD)));
  else if (dice < 0.95 && Array.isArray(into)) into.push(structuredClone(into[0]));
  else if (dice < 0.96) put(into, key, deep(random));
  else put(into, key, [into[key as keyof Container]]);
}

/** A copy with a few places changed; `donor` gives parts that belong elsewhere. */
export function mutateObject<T>(random: Random, object: T, donor: unknown): T {
  const copy = structuredClone(object);
  for (let times = Math.floor(random() * 6) - 2; times > 0; times--) mutateOnce(random, copy, donor);
  return copy;
}

/** A copy with bytes flipped, cut, doubled or put in. */
export function mutateBytes(random: Random, bytes: Uint8Array): Uint8Array {
  const at = Math.floor(random() * bytes.length);
  const length = Math.floor(random() * 8) + 1;
  const dice = random();
  if (dice < 0.25) return bytes.slice(0, at);
  if (dice < 0.5) return Buffer.concat([bytes.slice(0, at), bytes.slice(at + length)]);
  if (dice < 0.65) return Buffer.concat([bytes.slice(0, at), bytes.slice(at, at + length), bytes.slice(at)]);
  if (dice < 0.8) {
    const noise = Uint8Array.from({ length }, () => Math.floor(random() * 256));
    return Buffer.concat([bytes.slice(0, at), noise, bytes.slice(at)]);
  }
  const copy = Uint8Array.from(bytes);
  for (let i = 0; i < length; i++) copy[Math.floor(random() * copy.length)] = Math.floor(random() * 256);
  return copy;
}
