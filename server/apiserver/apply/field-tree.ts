import { isObject } from '#proto/meta/own-property.ts';
import { itemKey, type Shape, valueKey } from '#server/apiserver/apply/typed.ts';

/** Fields that somebody owns, in the form of `managedFields[].fieldsV1`: an empty tree is an owned leaf, `.` an owned item. */
export interface FieldTree {
  [key: string]: FieldTree;
}

const ITEM = '.';

/** Every field that `value` sets. */
export function treeOf(value: unknown, shape: Shape): FieldTree {
  const tree: FieldTree = {};
  switch (shape.kind) {
    case 'atomic':
      break;
    case 'fields':
      if (!isObject(value)) break;
      for (const [name, inner] of Object.entries(value)) {
        if (inner !== undefined) tree[`f:${name}`] = treeOf(inner, shape.of(name));
      }
      break;
    case 'set':
      for (const item of asList(value)) tree[valueKey(item)] = {};
      break;
    case 'list-map':
      for (const item of asList(value))
        tree[itemKey(shape, item)] = { [ITEM]: {}, ...treeOf(item, shape.items) };
  }
  return tree;
}

/** All that is in one of them. */
export function union(a: FieldTree, b: FieldTree): FieldTree {
  const result: FieldTree = { ...a };
  for (const [key, inner] of Object.entries(b)) {
    const own = result[key];
    result[key] = own ? union(own, inner) : inner;
  }
  return result;
}

/** `a` without the leaves of `b`; branches that become empty go. */
export function subtract(a: FieldTree, b: FieldTree): FieldTree {
  const result: FieldTree = {};
  for (const [key, inner] of Object.entries(a)) {
    const other = b[key];
    if (!other) result[key] = inner;
    else if (!isLeaf(inner)) {
      const rest = subtract(inner, other);
      if (!isLeaf(rest)) result[key] = rest;
    }
  }
  return result;
}

export const isLeaf = (tree: FieldTree): boolean => {
  for (const _ in tree) return false;
  return true;
};

/** Leaves that both own and whose values differ between two objects, as paths: `.spec.replicas`. */
export function clashes(mine: FieldTree, theirs: FieldTree, a: unknown, b: unknown, shape: Shape): Clash[] {
  const found: Clash[] = [];
  collect(mine, theirs, a, b, shape, '', found);
  return found;
}

export interface Clash {
  readonly path: string;
  /** The same as a tree with one leaf. */
  readonly tree: FieldTree;
}

function collect(
  mine: FieldTree,
  theirs: FieldTree,
  a: unknown,
  b: unknown,
  shape: Shape,
  path: string,
  found: Clash[],
): void {
  for (const [key, inner] of Object.entries(mine)) {
    const other = theirs[key];
    if (!other || key === ITEM) continue;
    const [nextA, nextB, nextShape, step] = descend(key, a, b, shape);
    if (isLeaf(inner) || isLeaf(other)) {
      if (changes(nextA, nextB, nextShape)) found.push({ path: path + step, tree: { [key]: inner } });
      continue;
    }
    const below: Clash[] = [];
    collect(inner, other, nextA, nextB, nextShape, path + step, below);
    for (const clash of below) found.push({ path: clash.path, tree: { [key]: clash.tree } });
  }
}

/** Does it change `b` to say `a`? What merges part by part is not changed by an empty part, nor by parts nobody has. */
function changes(a: unknown, b: unknown, shape: Shape): boolean {
  const merges = shape.kind !== 'atomic' && (isEmpty(a) || isEmpty(b));
  return !(merges && typeof a === typeof b) && !same(a, b);
}

const isEmpty = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && Object.keys(value).length === 0;

function descend(key: string, a: unknown, b: unknown, shape: Shape): [unknown, unknown, Shape, string] {
  if (key.startsWith('f:')) {
    const name = key.slice(2);
    const at = (value: unknown): unknown =>
      isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
    return [at(a), at(b), shape.kind === 'fields' ? shape.of(name) : { kind: 'atomic' }, `.${name}`];
  }
  if (shape.kind === 'list-map') {
    const at = (value: unknown): unknown => asList(value).find((item) => itemKey(shape, item) === key);
    const names = Object.entries(JSON.parse(key.slice(2)) as Record<string, unknown>);
    const step = names.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(',');
    return [at(a), at(b), shape.items, `[${step}]`];
  }
  const at = (value: unknown): unknown => asList(value).find((item) => valueKey(item) === key);
  return [at(a), at(b), { kind: 'atomic' }, `[${key.slice(2)}]`];
}

export const asList = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

const same = (a: unknown, b: unknown): boolean => JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, sorted(inner)]),
  );
}
