import type { KubeObject } from '#proto/meta/object.ts';
import { isObject } from '#proto/meta/own-property.ts';
import type { ManagedFieldsEntry } from '#proto/schema/generated/meta-v1.ts';
import { compare } from '#server/apiserver/apply/compare.ts';
import {
  difference,
  type FieldTree,
  intersection,
  rooted,
  sorted,
  union,
} from '#server/apiserver/apply/field-tree.ts';
import { KeyProblem, type Shape } from '#server/apiserver/apply/shape.ts';

/** Who writes. */
export interface Manager {
  readonly name: string;
  readonly operation: 'Apply' | 'Update';
  readonly apiVersion: string;
  readonly subresource: string | undefined;
  readonly time: string | undefined;
}

/** What one manager owns, as an entry of `metadata.managedFields` says it. */
export interface Ownership {
  readonly manager: Manager;
  readonly fields: FieldTree;
}

/** Managers that update, beyond which the oldest are merged. */
const MAX_UPDATERS = 10;
const ANCIENT = 'ancient-changes';

/** Two entries of one manager: its name and what it did, on which part, and for updates in which version. */
export const idOf = ({ name, operation, apiVersion, subresource }: Omit<Manager, 'time'>): string =>
  JSON.stringify([name, operation, operation === 'Update' ? apiVersion : '', subresource ?? '']);

/** Reads `metadata.managedFields`; undefined where an entry makes no sense. */
export function readOwners(entries: readonly ManagedFieldsEntry[] | undefined): Ownership[] | undefined {
  const owners: Ownership[] = [];
  for (const { manager = '', operation, apiVersion, subresource, time, fieldsType, fieldsV1 } of entries ??
    []) {
    if ((operation !== 'Apply' && operation !== 'Update') || !apiVersion || fieldsType !== 'FieldsV1')
      return undefined;
    if (fieldsV1 !== undefined && !isTree(fieldsV1)) return undefined;
    owners.push({
      manager: { name: manager, operation, apiVersion, subresource: subresource || undefined, time },
      fields: (fieldsV1 as FieldTree | undefined) ?? {},
    });
  }
  return owners;
}

function isTree(value: unknown): boolean {
  if (!isObject(value)) return false;
  for (const [key, inner] of Object.entries(value)) {
    if (key !== '.' && !/^[fkvi]:/.test(key)) return false;
    if (key.startsWith('k:') && !isJsonObject(key.slice(2))) return false;
    if (!isTree(inner)) return false;
  }
  return true;
}

function isJsonObject(text: string): boolean {
  try {
    return isObject(JSON.parse(text));
  } catch {
    return false;
  }
}

/** The entries as upstream orders them: appliers first, then by time and name. Undefined for none. */
export function writeOwners(owners: readonly Ownership[]): ManagedFieldsEntry[] | undefined {
  const entries = owners.flatMap(({ manager, fields }): ManagedFieldsEntry[] =>
    rooted(fields)
      ? [
          {
            manager: manager.name,
            operation: manager.operation,
            apiVersion: manager.apiVersion,
            ...(manager.time ? { time: manager.time } : {}),
            fieldsType: 'FieldsV1',
            fieldsV1: sorted(fields),
            ...(manager.subresource ? { subresource: manager.subresource } : {}),
          },
        ]
      : [],
  );
  const rank = (e: ManagedFieldsEntry): string =>
    [e.operation, e.time ?? '', e.manager, e.apiVersion, e.subresource ?? ''].join('\0');
  return entries.length > 0 ? entries.sort((a, b) => (rank(a) < rank(b) ? -1 : 1)) : undefined;
}

/** Does the list say that all that was noted should be forgotten? */
export function isReset(entries: readonly ManagedFieldsEntry[] | undefined): boolean {
  if (!entries) return false;
  const [first] = entries;
  return !first || (entries.length === 1 && Object.keys(first).length === 0);
}

/** What nobody owns: the server's own, and the object's identity. */
const UNOWNED: FieldTree = {
  'f:apiVersion': {},
  'f:kind': {},
  'f:metadata': {
    '.': {},
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

export const ownable = (fields: FieldTree | undefined): FieldTree | undefined =>
  rooted(difference(fields, UNOWNED));

export interface Change {
  /** What is stored, in the manager's version; the kind's zero value where there is nothing yet. */
  readonly before: KubeObject;
  readonly after: KubeObject;
  readonly shape: Shape;
  /** Who owned what before the change. */
  readonly owners: readonly Ownership[];
  readonly manager: Manager;
}

/**
 * Who owns what after an update that is no apply: what it changed belongs to its manager alone, what it removed to
 * nobody. An update that changes nothing leaves everything as it is. Throws a `KeyProblem`.
 */
export function ownersAfterUpdate({ before, after, shape, owners, manager }: Change): readonly Ownership[] {
  const { added, modified, removed } = compare(withoutOwners(before), withoutOwners(after), shape);
  const changed = union(added, modified);
  const others = owners.flatMap(({ manager: other, fields }): Ownership[] => {
    const lost = union(intersection(fields, changed), removed);
    const rest = lost ? rooted(difference(fields, lost)) : rooted(fields);
    return rest ? [{ manager: other, fields: rest }] : [];
  });
  const mine = ownable(changed);
  if (!mine) return others;
  const id = idOf(manager);
  const own = others.find((other) => idOf(other.manager) === id);
  return capped([
    ...others.filter((other) => other !== own),
    { manager, fields: union(own?.fields, mine) as FieldTree },
  ]);
}

/** Ownership does not own itself. */
const withoutOwners = (object: KubeObject): KubeObject => {
  const { managedFields: _owners, ...metadata } = object.metadata;
  return { ...object, metadata };
};

/** The oldest updaters of one version in one entry, so that no more than ten are left. */
function capped(owners: readonly Ownership[]): readonly Ownership[] {
  const updaters = owners
    .filter(({ manager }) => manager.operation === 'Update')
    .map((owner) => ({ owner, id: idOf(owner.manager) }))
    .sort((a, b) => {
      const [at, bt] = [a.owner.manager.time ?? '', b.owner.manager.time ?? ''];
      return at === bt ? (a.id < b.id ? -1 : 1) : at < bt ? -1 : 1;
    });
  let excess = updaters.length - MAX_UPDATERS;
  if (excess <= 0) return owners;
  const merged = new Map<string, Ownership>();
  const gone = new Set<Ownership>();
  const firsts = new Map<string, Ownership>();
  for (const { owner } of updaters) {
    if (excess <= 0) break;
    const { apiVersion, time } = owner.manager;
    const first = firsts.get(apiVersion);
    if (!first) {
      firsts.set(apiVersion, owner);
      continue;
    }
    const bucket = merged.get(apiVersion) ?? first;
    gone.add(first).add(owner);
    merged.set(apiVersion, {
      manager: { name: ANCIENT, operation: 'Update', apiVersion, subresource: undefined, time },
      fields: union(bucket.fields, owner.fields) as FieldTree,
    });
    excess--;
  }
  return [...owners.filter((owner) => !gone.has(owner)), ...merged.values()];
}

/**
 * Writes who owns what into `after`. Objects that nobody noted anything of stay without, unless they are new. A
 * client that knows nothing of ownership changes nothing of it; an empty list forgets it.
 */
export function trackUpdate(
  after: KubeObject,
  before: KubeObject | undefined,
  zero: KubeObject,
  shape: Shape,
  manager: Manager,
): void {
  const { metadata } = after;
  const wished = metadata.managedFields;
  const owners = ownersBefore(wished, before, manager.subresource);
  delete metadata.managedFields;
  if (owners.length === 0 && before) return;
  try {
    const entries = writeOwners(ownersAfterUpdate({ before: before ?? zero, after, shape, owners, manager }));
    if (entries) metadata.managedFields = entries;
  } catch (err) {
    // Items that can't be told apart: ownership that can't be noted is forgotten, and validation has the word.
    if (!(err instanceof KeyProblem)) throw err;
  }
}

function ownersBefore(
  wished: readonly ManagedFieldsEntry[] | undefined,
  before: KubeObject | undefined,
  subresource: string | undefined,
): readonly Ownership[] {
  const live = (): readonly Ownership[] => readOwners(before?.metadata.managedFields) ?? [];
  if (subresource) return live();
  if (isReset(wished)) return [];
  const given = readOwners(wished);
  return given && given.length > 0 ? given : live();
}
