import { isDeepStrictEqual } from 'node:util';
import { goFormat } from '#proto/meta/go-format.ts';
import { isObject, type JsonObject } from '#proto/meta/own-property.ts';
import { unprocessable } from '#proto/meta/patch/patch-error.ts';
import { badRequest } from '#proto/meta/status-error.ts';

type Merge = (original: JsonObject, patch: JsonObject) => JsonObject;

const DIRECTIVE = '$patch';

/**
 * Merges lists of one kind of item: scalars as a set, objects by their merge key. Items of the patch keep the
 * patch's order, those that only the server has keep theirs, and the two interleave as they stood before.
 */
export function mergeList(
  original: readonly unknown[],
  patch: readonly unknown[],
  mergeKey: string | undefined,
  merge: Merge,
): unknown[] {
  const all = [...original, ...patch];
  if (all.length === 0) return [];
  if (all.some(Array.isArray)) throw unprocessable('lists of lists are not supported');
  const objects = all.filter(isObject).length;
  if (objects !== 0 && objects !== all.length)
    throw badRequest(`list element types are not identical: ${goFormat(all)}`);
  if (objects === 0) {
    const merged = all.filter((item, i) => all.indexOf(item) === i);
    return orderList(merged, patch, original, undefined);
  }
  if (mergeKey === undefined) throw badRequest('cannot merge lists without merge key for struct');
  const { base, items } = withSpecialItems(original as JsonObject[], patch as JsonObject[], mergeKey);
  const merged = [...base];
  for (const item of items) {
    const at = merged.findIndex((own) => sameKey(own, item, mergeKey));
    const now = merged[at];
    if (now === undefined) merged.push(item);
    else merged[at] = merge(now, item);
  }
  return orderList(merged, items, base, mergeKey);
}

/** Carries `$patch: delete` and `$patch: replace` items out. */
function withSpecialItems(
  original: readonly JsonObject[],
  patch: readonly JsonObject[],
  mergeKey: string,
): { base: JsonObject[]; items: JsonObject[] } {
  let base = [...original];
  let replace = false;
  const items: JsonObject[] = [];
  for (const item of patch) {
    const directive = Object.hasOwn(item, DIRECTIVE) ? item[DIRECTIVE] : undefined;
    if (directive === undefined || directive === 'delete') keyOf(item, mergeKey);
    if (directive === undefined) items.push(item);
    else if (directive === 'delete') base = base.filter((own) => !sameKey(own, item, mergeKey));
    else if (directive === 'replace') replace = true;
    else if (directive === 'merge') throw badRequest('merging lists cannot yet be specified in the patch');
    else throw badRequest(`unknown patch type: ${directive} in map: ${goFormat(item)}`);
  }
  return replace ? { base: items, items: [] } : { base, items };
}

/**
 * The order that `$setElementOrder` falls back to for a list that was merged. Upstream's new items take the
 * places that deleted ones left, which decides what stands before what; the result is kept the same.
 */
export function orderAfterMerge(
  original: readonly unknown[],
  patch: readonly unknown[],
  mergeKey: string | undefined,
): readonly unknown[] {
  if (mergeKey === undefined || !original.every(isObject) || !patch.every(isObject)) return original;
  if (patch.some((item) => item[DIRECTIVE] === 'replace')) return original;
  const { base, items } = withSpecialItems(original, patch, mergeKey);
  const added = items.filter((item) => !base.some((own) => sameKey(own, item, mergeKey)));
  return [...base, ...added].slice(0, original.length);
}

function keyOf(item: JsonObject, mergeKey: string): unknown {
  if (!Object.hasOwn(item, mergeKey))
    throw badRequest(`map: ${goFormat(item)} does not contain declared merge key: ${mergeKey}`);
  return item[mergeKey];
}

const sameKey = (own: JsonObject, item: JsonObject, mergeKey: string): boolean =>
  Object.hasOwn(own, mergeKey) && isDeepStrictEqual(own[mergeKey], item[mergeKey]);

/** `items` with those of `wanted` in that order, and the others at their place of `before`. */
export function orderList(
  items: readonly unknown[],
  wanted: readonly unknown[],
  before: readonly unknown[],
  mergeKey: string | undefined,
): unknown[] {
  const key = (item: unknown): unknown =>
    mergeKey !== undefined && isObject(item) ? keyOf(item, mergeKey) : item;
  const wantedAt = ranks(wanted.map(key));
  const beforeAt = ranks(before.map(key));
  const rank = (at: ReadonlyMap<unknown, number>, item: unknown): number => at.get(key(item)) ?? at.size;
  const patched = items
    .filter((item) => wantedAt.has(key(item)))
    .sort((a, b) => rank(wantedAt, a) - rank(wantedAt, b));
  const serverOnly = items
    .filter((item) => !wantedAt.has(key(item)))
    .sort((a, b) => rank(beforeAt, a) - rank(beforeAt, b));
  const out: unknown[] = [];
  let next = 0;
  for (const item of patched) {
    const at = beforeAt.get(key(item));
    for (; next < serverOnly.length; next++) {
      const own = beforeAt.get(key(serverOnly[next]));
      if (at === undefined || own === undefined || own >= at) break;
      out.push(serverOnly[next]);
    }
    out.push(item);
  }
  return [...out, ...serverOnly.slice(next)];
}

function ranks(keys: readonly unknown[]): Map<unknown, number> {
  const out = new Map<unknown, number>();
  keys.forEach((key, i) => {
    if (!out.has(key)) out.set(key, i);
  });
  return out;
}
