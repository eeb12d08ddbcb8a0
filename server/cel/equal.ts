import type { Run } from '#server/cel/run.ts';
import {
  CelDuration,
  CelList,
  CelMap,
  CelObject,
  CelOpaque,
  CelOptional,
  CelTimestamp,
  CelTypeValue,
  CelUint,
  type CelValue,
  Fault,
  keyText,
} from '#server/cel/value.ts';

/** `==`: numbers compare across their types, values of different types are not equal, lists and maps compare deeply. */
export function equals(a: CelValue, b: CelValue, run: Run): boolean {
  run.work(1);
  if (a === b) return true;
  if (isNumber(a) && isNumber(b)) return compareNumbers(a, b) === 0;
  if (a === null || b === null || typeof a !== 'object' || typeof b !== 'object') return false;
  if (a instanceof CelList) return b instanceof CelList && equalLists(a, b, run);
  if (a instanceof CelMap) return b instanceof CelMap && equalMaps(a, b, run);
  if (a instanceof Uint8Array) return b instanceof Uint8Array && compareBytes(a, b) === 0;
  if (a instanceof CelTimestamp) return b instanceof CelTimestamp && a.nanos === b.nanos;
  if (a instanceof CelDuration) return b instanceof CelDuration && a.nanos === b.nanos;
  if (a instanceof CelTypeValue) return b instanceof CelTypeValue && a.name === b.name;
  if (a instanceof CelOpaque) return b instanceof CelOpaque && a.typeName === b.typeName && a.equals(b);
  if (a instanceof CelOptional) {
    if (!(b instanceof CelOptional)) return false;
    if (a.value === undefined || b.value === undefined) return a.value === b.value;
    return equals(a.value, b.value, run);
  }
  if (a instanceof CelObject) return b instanceof CelObject && equalObjects(a, b, run);
  return false;
}

function equalLists(a: CelList, b: CelList, run: Run): boolean {
  if (a.size !== b.size) return false;
  const { type } = a;
  if (type.kind === 'list' && type.listType !== undefined) return equalUnordered(a, b, type.mapKeys, run);
  for (let i = 0; i < a.size; i++) if (!equals(a.at(i), b.at(i), run)) return false;
  return true;
}

/** Sets, and maps that are written as lists: the order does not count. */
function equalUnordered(a: CelList, b: CelList, keys: readonly string[] | undefined, run: Run): boolean {
  const others = new Map<string, CelValue[]>();
  for (const item of b) {
    const text = identityOf(item, keys);
    const same = others.get(text);
    if (same) same.push(item);
    else others.set(text, [item]);
  }
  for (const item of a) {
    const same = others.get(identityOf(item, keys)) ?? [];
    const index = same.findIndex((other) => equals(item, other, run));
    if (index < 0) return false;
    same.splice(index, 1);
  }
  return true;
}

/** What tells the items of a set or of an associative list apart; equal items have equal ones. */
export function identityOf(item: CelValue, keys: readonly string[] | undefined): string {
  if (!keys) return keyText(item) ?? '';
  if (!(item instanceof CelMap)) return '';
  return keys
    .map((key) => {
      const value = item.get(key);
      return value === undefined || value instanceof Fault ? '' : (keyText(value) ?? '');
    })
    .join('\0');
}

function equalMaps(a: CelMap, b: CelMap, run: Run): boolean {
  if (a.size !== b.size) return false;
  for (const key of a.keys()) {
    const mine = a.get(key);
    const other = b.get(key);
    if (mine === undefined || other === undefined || mine instanceof Fault || other instanceof Fault)
      return false;
    if (!equals(mine, other, run)) return false;
  }
  return true;
}

function equalObjects(a: CelObject, b: CelObject, run: Run): boolean {
  if (a.typeName !== b.typeName || a.fields.size !== b.fields.size) return false;
  for (const [name, value] of a.fields) {
    const other = b.fields.get(name);
    if (other === undefined || !equals(value, other, run)) return false;
  }
  return true;
}

export type CelNumber = bigint | number | CelUint;

export const isNumber = (value: CelValue): value is CelNumber =>
  typeof value === 'bigint' || typeof value === 'number' || value instanceof CelUint;

/** Negative, zero or positive; undefined where one is NaN. JavaScript compares bigint and number exactly. */
export function compareNumbers(a: CelNumber, b: CelNumber): number | undefined {
  const x = a instanceof CelUint ? a.value : a;
  const y = b instanceof CelUint ? b.value : b;
  if (x < y) return -1;
  if (x > y) return 1;
  return Number.isNaN(x) || Number.isNaN(y) ? undefined : 0;
}

export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  return Buffer.compare(a, b);
}

/** By code points, which UTF-16 units are not in the order of. */
export function compareStrings(a: string, b: string): number {
  return a === b ? 0 : Buffer.compare(Buffer.from(a), Buffer.from(b));
}
