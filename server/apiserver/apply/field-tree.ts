import { isObject } from '#proto/meta/own-property.ts';
import { itemKey, resolved, type Shape } from '#server/apiserver/apply/shape.ts';

/**
 * A set of paths, in the form of `managedFields[].fieldsV1`: a tree without branches is a member, one with branches
 * only where it has a `.` among them. Trees are never changed once they are made.
 */
export interface FieldTree {
  readonly [key: string]: FieldTree;
}

type Draft = Record<string, FieldTree>;

export const MEMBER = '.';
export const LEAF: FieldTree = {};

export function isLeaf(tree: FieldTree): boolean {
  for (const _ in tree) return false;
  return true;
}

/** Whether the place itself is in the set, not only places below it. */
export const isMember = (tree: FieldTree): boolean => MEMBER in tree || isLeaf(tree);

/** A branch of a result: undefined where nothing is left, without the `.` where that is all. */
function built(member: boolean, branches: Draft): FieldTree | undefined {
  if (isLeaf(branches)) return member ? LEAF : undefined;
  return member ? { [MEMBER]: LEAF, ...branches } : branches;
}

const branchesOf = (tree: FieldTree): [string, FieldTree][] =>
  Object.entries(tree).filter(([key]) => key !== MEMBER);

/** All that is in one of them. Undefined is the empty set. */
export function union(a: FieldTree | undefined, b: FieldTree | undefined): FieldTree | undefined {
  if (!a || !b) return a ?? b;
  const branches: Draft = Object.fromEntries(branchesOf(a));
  for (const [key, inner] of branchesOf(b)) {
    const own = branches[key];
    branches[key] = own ? (union(own, inner) as FieldTree) : inner;
  }
  return built(isMember(a) || isMember(b), branches);
}

/** `a` without the places of `b`; what lies below those stays. */
export function difference(a: FieldTree | undefined, b: FieldTree | undefined): FieldTree | undefined {
  if (!a || !b) return a;
  const branches: Draft = {};
  for (const [key, inner] of branchesOf(a)) {
    const other = b[key];
    const rest = other ? difference(inner, other) : inner;
    if (rest) branches[key] = rest;
  }
  return built(isMember(a) && !isMember(b), branches);
}

export function intersection(a: FieldTree | undefined, b: FieldTree | undefined): FieldTree | undefined {
  if (!a || !b) return undefined;
  const branches: Draft = {};
  for (const [key, inner] of branchesOf(a)) {
    const both = intersection(inner, b[key]);
    if (both) branches[key] = both;
  }
  return built(isMember(a) && isMember(b), branches);
}

/** With every branch in the order in which upstream writes them. */
export function sorted(tree: FieldTree): FieldTree {
  return Object.fromEntries(
    Object.entries(tree)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, isLeaf(inner) ? inner : sorted(inner)]),
  );
}

/** The root of a tree is no place: a set of nothing is undefined there. */
export const rooted = (tree: FieldTree | undefined): FieldTree | undefined => {
  if (!tree || isLeaf(tree)) return undefined;
  const { [MEMBER]: _self, ...branches } = tree;
  return isLeaf(branches) ? undefined : branches;
};

/**
 * The paths that `value` sets, as an applied configuration owns them: leaves, items of lists, keys of maps. Throws a
 * `KeyProblem`.
 */
export function fieldSetOf(value: unknown, shape: Shape): FieldTree | undefined {
  const own = resolved(shape, value);
  switch (own.kind) {
    case 'atomic':
      return LEAF;
    case 'fields': {
      if (!isObject(value)) return undefined;
      const branches: Draft = {};
      for (const [name, inner] of Object.entries(value)) {
        if (inner === undefined) continue;
        const itself = inner === null || (isObject(inner) && isLeaf(inner as never)) || !own.isField(name);
        const set = union(itself ? LEAF : undefined, inner === null ? LEAF : fieldSetOf(inner, own.of(name)));
        if (set) branches[`f:${name}`] = set;
      }
      return built(false, branches);
    }
    case 'set':
    case 'list-map': {
      const branches: Draft = {};
      const items = asList(value);
      const doubled = doubles(items, own);
      for (const item of items) {
        const key = itemKey(own, item);
        branches[key] =
          own.kind === 'set' || doubled.has(key)
            ? LEAF
            : (union(LEAF, fieldSetOf(item, own.items)) as FieldTree);
      }
      return built(false, branches);
    }
  }
}

/** The names of items that come more than once. */
export function doubles(
  items: readonly unknown[],
  shape: Shape & { kind: 'list-map' | 'set' },
): ReadonlySet<string> {
  const seen = new Set<string>();
  const found = new Set<string>();
  for (const item of items) {
    const key = itemKey(shape, item);
    if (seen.has(key)) found.add(key);
    seen.add(key);
  }
  return found;
}

/** With the fields of structs that lie on the way to a place as places, too: they go when all in them goes. */
export function withNamedFields(tree: FieldTree | undefined, shape: Shape): FieldTree | undefined {
  if (!tree) return undefined;
  const branches: Draft = {};
  for (const [key, inner] of branchesOf(tree)) {
    if (key.startsWith('f:')) {
      const name = key.slice(2);
      const fields = shape.kind === 'fields' ? shape : undefined;
      const below = withNamedFields(inner, fields?.of(name) ?? shape) as FieldTree;
      branches[key] = fields?.isField(name) ? (union(below, LEAF) as FieldTree) : below;
    } else {
      branches[key] = shape.kind === 'list-map' ? (withNamedFields(inner, shape.items) as FieldTree) : inner;
    }
  }
  return built(isMember(tree), branches);
}

export const asList = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** Every place, as the paths of error messages: `.spec.containers[name="c"].image`. */
export function pathsOf(tree: FieldTree): string[] {
  const found: string[] = [];
  const walk = (at: FieldTree, path: string): void => {
    const branches = branchesOf(at).sort(([a], [b]) => (a < b ? -1 : 1));
    for (const [key, inner] of branches) if (isMember(inner)) found.push(path + stepOf(key));
    for (const [key, inner] of branches) walk(inner, path + stepOf(key));
  };
  walk(tree, '');
  return found;
}

export function stepOf(key: string): string {
  if (key.startsWith('f:')) return `.${key.slice(2)}`;
  if (!key.startsWith('k:')) return `[=${key.slice(2)}]`;
  const names = Object.entries(JSON.parse(key.slice(2)) as Record<string, unknown>);
  return `[${names.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(',')}]`;
}
