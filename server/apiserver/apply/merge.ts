import { isObject, type JsonObject } from '#proto/meta/own-property.ts';
import {
  asList,
  difference,
  type FieldTree,
  fieldSetOf,
  intersection,
  isMember,
  union,
  withNamedFields,
} from '#server/apiserver/apply/field-tree.ts';
import { itemKey, resolved, type Shape } from '#server/apiserver/apply/shape.ts';

/** `live` with what `config` says; what `config` does not speak of stays. Inputs stay as they were. */
export function mergeApplied(live: unknown, config: unknown, shape: Shape): unknown {
  if (live === undefined || config === undefined) return config ?? live;
  const own = resolved(shape, config);
  switch (own.kind) {
    case 'atomic':
      return config;
    case 'fields': {
      if (!isObject(config) || !isObject(live)) return config;
      const result: JsonObject = { ...live };
      for (const [name, value] of Object.entries(config))
        result[name] = mergeApplied(result[name], value, own.of(name));
      return result;
    }
    case 'set':
    case 'list-map':
      return mergeItems(asList(live), asList(config), own);
  }
}

/** Items that both have come in the order of the configuration; what only is there stays where it was between them. */
function mergeItems(
  live: readonly unknown[],
  config: readonly unknown[],
  shape: Shape & { kind: 'list-map' | 'set' },
): unknown[] {
  const keyed = (list: readonly unknown[]) => list.map((item) => [itemKey(shape, item), item] as const);
  const [left, right] = [keyed(live), keyed(config)];
  const have = Map.groupBy(left, ([key]) => key);
  const wished = new Map(right);
  const merge = (key: string): unknown => {
    const mine = wished.get(key);
    const there = have.get(key) ?? [];
    // Of items that come more than once none is the one to merge with.
    const [only] = there.length === 1 ? there : [];
    return shape.kind === 'set' || !only ? mine : mergeApplied(only[1], mine, shape.items);
  };
  const shared = right.map(([key]) => key).filter((key) => have.has(key));
  const done = new Set<string>();
  const out: unknown[] = [];
  for (let l = 0, r = 0; l < left.length || r < right.length; ) {
    const there = left[l];
    const mine = right[r];
    if (there && mine) {
      if (there[0] === mine[0]) {
        done.add(mine[0]);
        out.push(merge(mine[0]));
        l++;
        r++;
        shared.shift();
        continue;
      }
      // One that both have, but not the next one.
      if (wished.has(there[0]) && shared[0] !== undefined && shared[0] !== there[0]) {
        l++;
        continue;
      }
    }
    if (there) {
      if (!wished.has(there[0])) {
        out.push(there[1]);
        l++;
        continue;
      }
      if (done.has(there[0])) l++;
    }
    if (mine) {
      done.add(mine[0]);
      out.push(merge(mine[0]));
      r++;
      if (shared[0] === mine[0]) shared.shift();
    }
  }
  return out;
}

/**
 * What is left of a merge once its manager has given up what it no longer names: fields and items that it had, has
 * no more, and nobody else owns. `last` is what it had, `owned` what all, itself too, own now.
 */
export function prune(
  merged: unknown,
  last: FieldTree | undefined,
  owned: FieldTree | undefined,
  shape: Shape,
): unknown {
  if (!last) return merged;
  const named = (tree: FieldTree | undefined) => withNamedFields(tree, shape);
  const all = named(fieldSetOf(merged, shape));
  const given = named(last);
  const bare = removeItems(merged, given, shape);
  // Back comes what somebody owns, then what went along without having been this manager's.
  const unowned = difference(all, union(named(fieldSetOf(bare, shape)), named(owned)));
  const kept = removeItems(merged, unowned, shape);
  const gone = intersection(difference(all, named(fieldSetOf(kept, shape))), given);
  return removeItems(merged, gone, shape);
}

/** A value without the places of a set; what holds nothing any more goes along. */
export function removeItems(value: unknown, gone: FieldTree | undefined, shape: Shape): unknown {
  if (!gone) return value;
  const own = resolved(shape, value);
  switch (own.kind) {
    case 'atomic':
      return value;
    case 'fields': {
      if (!isObject(value)) return value;
      const result: JsonObject = {};
      for (const [name, inner] of Object.entries(value)) {
        const below = gone[`f:${name}`];
        if (below && isMember(below)) continue;
        const rest = below ? removeItems(inner, below, own.of(name)) : inner;
        if (rest !== undefined) result[name] = rest;
      }
      return Object.keys(result).length > 0 || Object.keys(value).length === 0 ? result : undefined;
    }
    case 'set':
    case 'list-map': {
      const items = asList(value);
      const rest = items.flatMap((item) => {
        const below = gone[itemKey(own, item)];
        if (!below) return [item];
        if (isMember(below)) return [];
        return [own.kind === 'set' ? item : (removeItems(item, below, own.items) ?? {})];
      });
      return rest.length > 0 || items.length === 0 ? rest : undefined;
    }
  }
}
