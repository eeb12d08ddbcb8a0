import type { KubeObject } from '#proto/meta/object.ts';
import { isObject } from '#proto/meta/own-property.ts';
import type { ManagedFieldsEntry } from '#proto/schema/generated/meta-v1.ts';
import { type FieldTree, isLeaf, subtract, treeOf, union } from '#server/apiserver/apply/field-tree.ts';
import type { Shape } from '#server/apiserver/apply/typed.ts';

export const fieldsOf = (entry: ManagedFieldsEntry): FieldTree =>
  (entry.fieldsV1 as FieldTree | undefined) ?? {};

/** What nobody owns: the server's own, and the object's identity. */
const UNOWNED: FieldTree = {
  'f:apiVersion': {},
  'f:kind': {},
  'f:metadata': {
    'f:name': {},
    'f:namespace': {},
    'f:creationTimestamp': {},
    'f:selfLink': {},
    'f:uid': {},
    'f:clusterName': {},
    'f:generation': {},
    'f:managedFields': {},
    'f:resourceVersion': {},
  },
};

/** The fields of an object that can be owned. */
export function ownedTree(object: KubeObject, shape: Shape): FieldTree {
  const tree = treeOf(object, shape);
  const meta = tree['f:metadata'];
  for (const key of ['f:apiVersion', 'f:kind']) delete tree[key];
  if (meta) {
    for (const key of Object.keys(UNOWNED['f:metadata'] ?? {})) delete meta[key];
    if (isLeaf(meta)) delete tree['f:metadata'];
  }
  return tree;
}

export interface Manager {
  readonly name: string;
  readonly operation: 'Apply' | 'Update';
  readonly apiVersion: string;
  readonly subresource: string | undefined;
  readonly time: string;
}

export const isEntryOf = (entry: ManagedFieldsEntry, manager: Manager): boolean =>
  entry.manager === manager.name &&
  entry.operation === manager.operation &&
  (entry.subresource ?? '') === (manager.subresource ?? '') &&
  (manager.operation === 'Apply' || entry.apiVersion === manager.apiVersion);

export function entryOf(manager: Manager, fields: FieldTree): ManagedFieldsEntry {
  return {
    manager: manager.name,
    operation: manager.operation,
    apiVersion: manager.apiVersion,
    time: manager.time,
    fieldsType: 'FieldsV1',
    fieldsV1: fields,
    ...(manager.subresource ? { subresource: manager.subresource } : {}),
  };
}

/**
 * Ownership after an update that is no apply: what it changed belongs to its manager, what it removed to nobody.
 * Only objects that somebody applies to carry ownership: on the others it would double the bytes that are
 * stored and sent, and nobody asks for it.
 */
export function trackUpdate(next: KubeObject, old: KubeObject, shape: Shape, manager: Manager): void {
  const entries = old.metadata.managedFields ?? [];
  if (next.metadata.managedFields?.length === 0 || !entries.some((e) => e.operation === 'Apply')) {
    if (next.metadata.managedFields?.length === 0) delete next.metadata.managedFields;
    else if (entries.length > 0) next.metadata.managedFields = entries;
    return;
  }
  const present = ownedTree(next, shape);
  const changed = changedTree(next, old, shape);
  const removed = subtract(ownedTree(old, shape), present);
  const others = entries
    .filter((entry) => !isEntryOf(entry, manager))
    .map((entry) => ({ ...entry, fieldsV1: subtract(subtract(fieldsOf(entry), changed), removed) }))
    .filter((entry) => !isLeaf(entry.fieldsV1));
  const own = entries.find((entry) => isEntryOf(entry, manager));
  const mine = union(own ? subtract(fieldsOf(own), removed) : {}, changed);
  next.metadata.managedFields = isLeaf(mine) ? others : [...others, entryOf(manager, mine)];
}

/** Fields of `next` that are new or have another value than in `old`. */
function changedTree(next: unknown, old: unknown, shape: Shape): FieldTree {
  return subtract(
    ownedTree(next as KubeObject, shape),
    ownedTree(unchangedPart(next, old) as KubeObject, shape),
  );
}

/** What both have with the same value; lists are compared as a whole. */
function unchangedPart(next: unknown, old: unknown): unknown {
  if (!isObject(next) || !isObject(old)) return next;
  const result: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(next)) {
    const before = old[key];
    if (isObject(value) && isObject(before)) result[key] = unchangedPart(value, before);
    else if (JSON.stringify(value) === JSON.stringify(before)) result[key] = value;
  }
  return result;
}
