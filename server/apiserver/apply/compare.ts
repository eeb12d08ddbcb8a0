import { isDeepStrictEqual } from 'node:util';
import { isObject } from '#proto/meta/own-property.ts';
import { asList, doubles, type FieldTree, isLeaf, LEAF, MEMBER } from '#server/apiserver/apply/field-tree.ts';
import { itemKey, resolved, type Shape } from '#server/apiserver/apply/shape.ts';

/** Which places two objects differ in. Undefined is none. */
export interface Comparison {
  readonly added: FieldTree | undefined;
  readonly modified: FieldTree | undefined;
  readonly removed: FieldTree | undefined;
}

const SAME: Comparison = { added: undefined, modified: undefined, removed: undefined };
const MODIFIED: Comparison = { ...SAME, modified: LEAF };

/**
 * What changes from `before` to `after`. What comes or goes as a whole is a place itself, with all that it holds.
 * Throws a `KeyProblem`. Rule: structured-merge-diff's `TypedValue.Compare`.
 */
export function compare(before: unknown, after: unknown, shape: Shape): Comparison {
  if (before === after) return SAME;
  if (before === undefined) return { ...SAME, added: wholeOf(after, shape) };
  if (after === undefined) return { ...SAME, removed: wholeOf(before, shape) };
  const own = resolved(shape, after);
  if (own.kind !== resolved(shape, before).kind) return MODIFIED;
  switch (own.kind) {
    case 'atomic':
      return isDeepStrictEqual(before, after) ? SAME : MODIFIED;
    case 'fields': {
      if (isEmpty(before) && isEmpty(after)) return (before === null) === (after === null) ? SAME : MODIFIED;
      const all = new Collector();
      const old = isObject(before) ? before : {};
      const next = isObject(after) ? after : {};
      for (const name of Object.keys(next))
        all.take(`f:${name}`, compare(old[name], next[name], own.of(name)));
      for (const name of Object.keys(old))
        if (!Object.hasOwn(next, name)) all.take(`f:${name}`, compare(old[name], undefined, own.of(name)));
      return all.done();
    }
    case 'set':
    case 'list-map':
      if (asList(before).length === 0 && asList(after).length === 0)
        return (before === null) === (after === null) ? SAME : MODIFIED;
      return compareItems(asList(before), asList(after), own);
  }
}

function compareItems(
  before: readonly unknown[],
  after: readonly unknown[],
  shape: Shape & { kind: 'list-map' | 'set' },
): Comparison {
  const items = shape.kind === 'list-map' ? shape.items : ({ kind: 'atomic' } as const);
  const old = Map.groupBy(before, (item) => itemKey(shape, item));
  const next = Map.groupBy(after, (item) => itemKey(shape, item));
  const all = new Collector();
  for (const key of new Set([...old.keys(), ...next.keys()])) {
    const was = old.get(key) ?? [];
    const is = next.get(key) ?? [];
    if (was.length <= 1 && is.length <= 1) all.take(key, compare(was[0], is[0], items));
    else if (was.length > 1 && is.length > 1) {
      if (!isDeepStrictEqual(was, is)) all.take(key, MODIFIED);
    } else if (was.length > 1) {
      if (is.length > 0) all.take(key, compare(undefined, is[0], items));
      all.take(key, { ...SAME, removed: LEAF });
    } else {
      if (was.length > 0) all.take(key, compare(was[0], undefined, items));
      all.take(key, { ...SAME, added: LEAF });
    }
  }
  return all.done();
}

/** Everything in a value, and itself. */
function wholeOf(value: unknown, shape: Shape): FieldTree {
  const own = resolved(shape, value);
  const branches: Record<string, FieldTree> = {};
  if (own.kind === 'fields' && isObject(value)) {
    for (const [name, inner] of Object.entries(value))
      if (inner !== undefined) branches[`f:${name}`] = wholeOf(inner, own.of(name));
  } else if (own.kind === 'list-map' || own.kind === 'set') {
    const items = asList(value);
    const doubled = doubles(items, own);
    for (const item of items) {
      const key = itemKey(own, item);
      branches[key] = own.kind === 'set' || doubled.has(key) ? LEAF : wholeOf(item, own.items);
    }
  }
  return isLeaf(branches) ? LEAF : { [MEMBER]: LEAF, ...branches };
}

/** Gathers what was found below one place. */
class Collector {
  readonly #found: Record<keyof Comparison, Record<string, FieldTree> | undefined> = {
    added: undefined,
    modified: undefined,
    removed: undefined,
  };

  take(key: string, found: Comparison): void {
    if (found === SAME) return;
    for (const kind of ['added', 'modified', 'removed'] as const) {
      const tree = found[kind];
      if (!tree) continue;
      const own = this.#found[kind] ?? {};
      own[key] = tree;
      this.#found[kind] = own;
    }
  }

  done(): Comparison {
    const { added, modified, removed } = this.#found;
    return added || modified || removed ? this.#found : SAME;
  }
}

const isEmpty = (value: unknown): boolean => value === null || (isObject(value) && isLeaf(value as never));
