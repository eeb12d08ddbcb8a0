import { apiVersionOf } from '#proto/api/resource.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import { isObject, type JsonObject } from '#proto/meta/own-property.ts';
import { badRequest, StatusError } from '#proto/meta/status-error.ts';
import type { ManagedFieldsEntry } from '#proto/schema/generated/meta-v1.ts';
import type { GroupVersionKind } from '#proto/schema/schema.ts';
import { schema } from '#proto/schema/schema.ts';
import { clashes, type FieldTree, isLeaf, subtract, union } from '#server/apiserver/apply/field-tree.ts';
import {
  entryOf,
  fieldsOf,
  isEntryOf,
  type Manager,
  ownedTree,
} from '#server/apiserver/apply/managed-fields.ts';
import { mergeApplied, prune } from '#server/apiserver/apply/merge.ts';
import { type Shape, shapeOfMessage } from '#server/apiserver/apply/typed.ts';

export interface Intent {
  /** What the manager wants, whole: what it no longer names, it gives up. */
  readonly config: KubeObject;
  readonly manager: Manager;
  /** Take fields from their owners instead of answering a conflict. */
  readonly force: boolean;
}

/** The shape of a built-in kind; kinds without a schema merge field by field, with atomic lists. */
export function shapeOfKind(kind: GroupVersionKind): Shape {
  const message = schema.kind(kind);
  if (message) return shapeOfMessage(message.id);
  const untyped: Shape = { kind: 'fields', of: () => untyped };
  return untyped;
}

/** Server-side apply of one intent to the live object; undefined: there is none yet. Answers a new object. */
export function applyIntent(
  live: KubeObject | undefined,
  intent: Intent,
  kind: GroupVersionKind,
  shape: Shape,
): KubeObject {
  const { config, manager, force } = intent;
  if (config.metadata.managedFields?.length) {
    throw badRequest('metadata.managedFields must be nil');
  }
  const wanted = ownedTree(config, shape);
  const entries = live ? ownersOf(live, manager, shape) : [];
  const own = entries.find((entry) => isEntryOf(entry, manager));
  let others = entries.filter((entry) => entry !== own);

  const base = live ?? ({ apiVersion: apiVersionOf(kind), kind: kind.kind, metadata: {} } as KubeObject);
  const conflicts = others.flatMap((entry) =>
    clashes(wanted, fieldsOf(entry), config, base, shape).map((clash) => ({ entry, ...clash })),
  );
  if (conflicts.length > 0) {
    if (!force) throw conflictError(conflicts);
    others = others.flatMap((entry) => {
      const lost = conflicts.filter((c) => c.entry === entry);
      const rest = lost.reduce((tree, clash) => subtract(tree, clash.tree), fieldsOf(entry));
      return isLeaf(rest) ? [] : [{ ...entry, fieldsV1: rest }];
    });
  }
  const kept = others.reduce<FieldTree>((tree, entry) => union(tree, fieldsOf(entry)), wanted);
  const { metadata, ...rest } = config;
  const { resourceVersion, uid, ...named } = metadata;
  const merged = mergeApplied(base, { ...rest, metadata: named }, shape) as KubeObject;
  const result = (own ? prune(merged, fieldsOf(own), kept, shape) : merged) as KubeObject;
  result.metadata = structuredClone({
    ...result.metadata,
    // A revision in the intent is a precondition.
    ...(resourceVersion ? { resourceVersion } : {}),
    ...(uid ? { uid } : {}),
    managedFields: [...others, entryOf(manager, wanted)],
  });
  return structuredClone(result);
}

/** Nobody was noted while nobody applied: what is there belongs to upstream's `before-first-apply`. */
function ownersOf(live: KubeObject, { apiVersion, time }: Manager, shape: Shape): ManagedFieldsEntry[] {
  const { managedFields } = live.metadata;
  if (managedFields?.length) return managedFields;
  const earlier = { name: 'before-first-apply', operation: 'Update', subresource: undefined } as const;
  const tree = ownedTree(live, shape);
  return isLeaf(tree) ? [] : [entryOf({ ...earlier, apiVersion, time }, tree)];
}

interface Conflict {
  readonly entry: ManagedFieldsEntry;
  readonly path: string;
}

function conflictError(conflicts: readonly Conflict[]): StatusError {
  const causes = conflicts.map(({ entry, path }) => ({
    reason: 'FieldManagerConflict',
    message: `conflict with ${describe(entry)}`,
    field: path,
  }));
  const count = `${conflicts.length} conflict${conflicts.length === 1 ? '' : 's'}`;
  const [only] = conflicts;
  const text =
    conflicts.length === 1 && only
      ? `conflict with ${describe(only.entry)}: ${only.path}`
      : byManager(conflicts);
  return new StatusError('Conflict', `Apply failed with ${count}: ${text}`, { details: { causes } });
}

function byManager(conflicts: readonly Conflict[]): string {
  const groups = Map.groupBy(conflicts, (c) => describe(c.entry));
  return [...groups]
    .map(([who, list]) => `conflicts with ${who}:\n${list.map((c) => `- ${c.path}`).join('\n')}`)
    .join('\n');
}

const describe = ({ manager, subresource, apiVersion, operation, time }: ManagedFieldsEntry): string => {
  const sub = subresource ? ` with subresource "${subresource}"` : '';
  const when = operation === 'Update' && time ? ` at ${time}` : '';
  return `"${manager}"${sub} using ${apiVersion}${when}`;
};

/** The intent of a request's body. */
export function readIntent(patch: unknown, name: string, kind: GroupVersionKind): KubeObject {
  if (!isObject(patch)) throw badRequest('the body of an apply must be an object');
  const config = { ...patch } as JsonObject;
  const version = apiVersionOf(kind);
  if (config['apiVersion'] !== version || config['kind'] !== kind.kind) {
    throw badRequest(
      `Incorrect version specified in apply patch. Specified patch version: ${String(config['apiVersion'] ?? '')}, expected: ${version}`,
    );
  }
  const metadata = isObject(config['metadata']) ? config['metadata'] : {};
  return { ...config, metadata: { ...metadata, name: metadata['name'] ?? name } } as KubeObject;
}
