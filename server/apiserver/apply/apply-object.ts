import { apiVersionOf } from '#proto/api/resource.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import { isObject, type JsonObject } from '#proto/meta/own-property.ts';
import { badRequest, StatusError } from '#proto/meta/status-error.ts';
import type { GroupVersionKind } from '#proto/schema/schema.ts';
import { checkConfig } from '#server/apiserver/apply/check-config.ts';
import { compare } from '#server/apiserver/apply/compare.ts';
import {
  difference,
  type FieldTree,
  fieldSetOf,
  intersection,
  pathsOf,
  rooted,
  union,
} from '#server/apiserver/apply/field-tree.ts';
import {
  idOf,
  type Manager,
  type Ownership,
  ownable,
  ownersAfterUpdate,
  readOwners,
  writeOwners,
} from '#server/apiserver/apply/managed-fields.ts';
import { mergeApplied, prune } from '#server/apiserver/apply/merge.ts';
import type { Shape } from '#server/apiserver/apply/shape.ts';

export interface Intent {
  /** What the manager wants, whole: what it no longer names, it gives up. */
  readonly config: KubeObject;
  readonly manager: Manager;
  /** Take fields from their owners instead of answering a conflict. */
  readonly force: boolean;
}

/** The kind that is applied to. */
export interface Target {
  readonly kind: GroupVersionKind;
  readonly shape: Shape;
  /** An object of the kind that nobody has set anything of. */
  readonly zero: KubeObject;
  /** Places that the part written to does not take, whoever names them: `status` of the object itself. */
  readonly reset: FieldTree | undefined;
}

const BEFORE_FIRST_APPLY = 'before-first-apply';
/** Where `kubectl apply` keeps what it applied last, while it is no server-side apply. */
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';
/** The one manager whose objects move over from that. */
const KUBECTL = 'kubectl';

/**
 * Server-side apply of one intent to the live object; undefined: there is none yet. Answers a new object. Rule:
 * structured-merge-diff's `Updater.Apply`, in apimachinery's `managedfields`.
 */
export function applyIntent(live: KubeObject | undefined, intent: Intent, target: Target): KubeObject {
  const { config, manager } = intent;
  const { shape, kind } = target;
  if (config.metadata.managedFields !== undefined) throw badRequest('metadata.managedFields must be nil');
  const { namespace = '', name = '' } = config.metadata;
  checkConfig(config, shape, `${namespace}/${name}; ${apiVersionOf(kind)}, Kind=${kind.kind}`);
  const base = live ? withoutOwners(live) : target.zero;
  const owners = ownersOf(live, target, manager);
  let applied: Applied;
  try {
    applied = applyOnce(base, owners, intent, target, intent.force);
  } catch (err) {
    if (!(err instanceof Conflicts) || manager.name !== KUBECTL) throw asStatus(err);
    const rest = err.without(allowedByLastApplied(base, shape));
    if (rest.list.length > 0) throw asStatus(rest);
    applied = applyOnce(base, owners, intent, target, true);
  }
  const { object, changed } = applied;
  if (manager.name === KUBECTL) renewLastApplied(object, config);
  const result = structuredClone(object);
  const id = idOf(manager);
  const entries = writeOwners(
    applied.owners.map((owner) =>
      idOf(owner.manager) === id
        ? { ...owner, manager: { ...manager, time: changed ? manager.time : timeOf(owners, id) } }
        : owner,
    ),
  );
  if (entries) result.metadata.managedFields = entries;
  // A revision in the intent is a precondition, and so is a uid.
  const { resourceVersion, uid } = config.metadata;
  if (resourceVersion) result.metadata.resourceVersion = resourceVersion;
  if (uid) result.metadata.uid = uid;
  return result;
}

interface Applied {
  readonly object: KubeObject;
  readonly owners: readonly Ownership[];
  /** Whether the object is another one now, ownership aside. */
  readonly changed: boolean;
}

function applyOnce(
  base: KubeObject,
  owners: readonly Ownership[],
  { config, manager }: Intent,
  { shape, reset }: Target,
  force: boolean,
): Applied {
  const { resourceVersion: _revision, uid: _uid, ...metadata } = config.metadata;
  const wished = { ...config, metadata };
  const id = idOf(manager);
  const last = owners.find((owner) => idOf(owner.manager) === id);
  const others = owners.filter((owner) => owner !== last);
  const set = ownable(difference(fieldSetOf(wished, shape), below(fieldSetOf(wished, shape), reset)));
  const owned = others.reduce((all, { fields }) => union(all, fields), set);
  const merged = mergeApplied(base, wished, shape) as KubeObject;
  const pruned = prune(merged, rooted(last?.fields), owned, shape) as KubeObject;
  // Who gives up the last field of the metadata does not take the object's identity along.
  const object = { ...pruned, metadata: pruned.metadata ?? identityOf(merged) };

  const { added, modified, removed } = compare(base, object, shape);
  const changes = union(added, modified);
  const conflicts = others.flatMap(({ manager: other, fields }) => {
    const both = rooted(intersection(fields, changes));
    return both ? [{ manager: other, fields: both }] : [];
  });
  if (conflicts.length > 0 && !force) throw new Conflicts(conflicts);
  const kept = others.flatMap(({ manager: other, fields }): Ownership[] => {
    const rest = rooted(difference(difference(fields, intersection(fields, changes)), removed));
    return rest ? [{ manager: other, fields: rest }] : [];
  });
  return {
    object,
    owners: set ? [...kept, { manager, fields: set }] : kept,
    changed: Boolean(changes || removed),
  };
}

function identityOf({ metadata }: KubeObject): KubeObject['metadata'] {
  const { name, namespace, uid, resourceVersion, creationTimestamp, generation } = metadata;
  return { name, namespace, uid, resourceVersion, creationTimestamp, generation };
}

/** All of `set` that is in or below `places`. */
function below(set: FieldTree | undefined, places: FieldTree | undefined): FieldTree | undefined {
  if (!set || !places) return undefined;
  const found: Record<string, FieldTree> = {};
  for (const [key, inner] of Object.entries(places)) {
    const own = set[key];
    const part = own && (Object.keys(inner).length === 0 ? own : below(own, inner));
    if (part) found[key] = part;
  }
  return Object.keys(found).length > 0 ? found : undefined;
}

/** Nobody was noted while nobody applied: what is there belongs to upstream's `before-first-apply`. */
function ownersOf(live: KubeObject | undefined, target: Target, manager: Manager): readonly Ownership[] {
  if (!live) return [];
  const owners = readOwners(live.metadata.managedFields) ?? [];
  if (owners.length > 0) return owners;
  const { zero, shape } = target;
  const before = { ...manager, name: BEFORE_FIRST_APPLY, operation: 'Update' } as const;
  return ownersAfterUpdate({ before: zero, after: live, shape, owners: [], manager: before });
}

const timeOf = (owners: readonly Ownership[], id: string): string | undefined =>
  owners.find(({ manager }) => idOf(manager) === id)?.manager.time;

const withoutOwners = (object: KubeObject): KubeObject => {
  const { managedFields: _owners, ...metadata } = object.metadata;
  return { ...object, metadata };
};

/** What `kubectl apply` has set on the client's side and nobody has changed since. */
function allowedByLastApplied(live: KubeObject, shape: Shape): FieldTree | undefined {
  const config = parsed(live.metadata.annotations?.[LAST_APPLIED]);
  if (!config) return undefined;
  const { added, modified, removed } = compare(config, live, shape);
  return [added, modified, removed].reduce(difference, fieldSetOf(config, shape));
}

/** Keeps the annotation true for clients that still read it. */
function renewLastApplied(object: KubeObject, config: KubeObject): void {
  if (!object.metadata.annotations?.[LAST_APPLIED]) return;
  const { [LAST_APPLIED]: _last, ...annotations } = config.metadata.annotations ?? {};
  const { annotations: _own, ...metadata } = config.metadata;
  const bare = {
    ...config,
    metadata: { ...(Object.keys(annotations).length > 0 ? { annotations } : {}), ...metadata },
  };
  object.metadata = {
    ...object.metadata,
    annotations: { ...object.metadata.annotations, [LAST_APPLIED]: `${JSON.stringify(ordered(bare))}\n` },
  };
}

/** Keys in Go's order, which sorts those of maps. */
function ordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ordered);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, ordered(inner)]),
  );
}

function parsed(text: string | undefined): JsonObject | undefined {
  try {
    const value: unknown = text ? JSON.parse(text) : undefined;
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Fields that others own and that the intent would change. */
class Conflicts extends Error {
  readonly list: readonly Ownership[];

  constructor(list: readonly Ownership[]) {
    super('conflicts');
    this.name = 'Conflicts';
    this.list = [...list].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  }

  without(allowed: FieldTree | undefined): Conflicts {
    return new Conflicts(
      this.list.flatMap(({ manager, fields }) => {
        const rest = rooted(difference(fields, allowed));
        return rest ? [{ manager, fields: rest }] : [];
      }),
    );
  }
}

/** As Go writes an entry without its fields: what conflicts are sorted by. */
const keyOf = ({ manager }: Ownership): string =>
  JSON.stringify([manager.name, manager.operation, manager.apiVersion]);

function asStatus(err: unknown): unknown {
  if (!(err instanceof Conflicts)) return err;
  const lines = err.list.map((owner) => ({ who: described(owner), paths: pathsOf(owner.fields) }));
  const causes = lines.flatMap(({ who, paths }) =>
    paths.map((field) => ({ reason: 'FieldManagerConflict', message: `conflict with ${who}`, field })),
  );
  const [first] = causes;
  const text =
    causes.length === 1 && first
      ? `1 conflict: ${first.message}: ${first.field}`
      : `${causes.length} conflicts: ${lines
          .map(({ who, paths }) => [`conflicts with ${who}:`, ...paths.map((path) => `- ${path}`)].join('\n'))
          .join('\n')}`;
  return new StatusError('Conflict', `Apply failed with ${text}`, { details: { causes } });
}

function described({ manager: { name, operation, apiVersion, subresource } }: Ownership): string {
  const who = `${JSON.stringify(name)}${subresource ? ` with subresource ${JSON.stringify(subresource)}` : ''}`;
  return operation === 'Update' ? `${who} using ${apiVersion}` : who;
}

/** The intent of a request's body. An empty body says nothing, but is one. */
export function readIntent(patch: unknown, name: string, kind: GroupVersionKind): KubeObject {
  if (patch !== undefined && patch !== null && !isObject(patch)) {
    throw badRequest(
      `error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal ${Array.isArray(patch) ? 'array' : typeof patch} into Go value of type map[string]interface {}`,
    );
  }
  const config = { ...(patch ?? {}) } as JsonObject;
  const { apiVersion = '', kind: own = '' } = config;
  if (apiVersion !== apiVersionOf(kind) || own !== kind.kind) {
    const version = String(apiVersion).includes('/') ? apiVersion : `/${apiVersion}`;
    throw badRequest(`invalid object type: ${version}, Kind=${own}`);
  }
  const metadata = isObject(config['metadata']) ? config['metadata'] : {};
  if (!metadata['name'])
    throw badRequest(
      `the name of the object (${name} based on URL) was undeterminable: name must be provided`,
    );
  if (metadata['name'] !== name)
    throw badRequest(
      `the name of the object (${metadata['name']}) does not match the name on the URL (${name})`,
    );
  return { ...config, metadata } as KubeObject;
}
