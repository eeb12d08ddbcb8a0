import type { KubeObject } from '#proto/meta/object.ts';

export type Verb = 'create' | 'delete' | 'deletecollection' | 'get' | 'list' | 'patch' | 'update' | 'watch';

/** One column of `kubectl get`. `value` reads the cell; `priority` above 0 shows with `-o wide` only. */
export interface Column<T> {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  /** `name` for the column that names the object; custom kinds may say others of OpenAPI. */
  readonly format?: string;
  readonly description?: string;
  readonly priority?: number;
  /** A method, so that a `Resource<Pod>` is a `Resource` (TypeScript checks methods both ways). */
  value(object: T, now: number): string | number | boolean | null;
}

/** Reads one selectable field. Bivariant for the same reason as {@link Column.value}. */
export type FieldReader<T> = { read(object: T): string }['read'];

/** What hangs under an object: `pods/log`, `deployments/scale`. `kind` is the body's kind, with its own group. */
export interface Subresource {
  readonly name: string;
  readonly kind: string;
  readonly group?: string;
  readonly version?: string;
  readonly verbs: readonly Verb[];
}

/**
 * `synced`: what a user wrote; on disk before the answer. `relaxed`: leases, events, heartbeats; answered
 * from memory, flushed in batches, and lost at most a few seconds deep in a power cut.
 */
export type Durability = 'synced' | 'relaxed';

/**
 * One kind of the API, declared: all that generic handlers, discovery, tables and clients need to know.
 * `T` is carried for the type checker only.
 */
export interface Resource<T extends KubeObject = KubeObject> {
  /** `''` for the core group. */
  readonly group: string;
  readonly version: string;
  /** Lower-case plural: the path segment. */
  readonly plural: string;
  readonly singular: string;
  readonly kind: string;
  /** `PodList`; absent for create-only kinds. */
  readonly listKind?: string;
  readonly namespaced: boolean;
  readonly shortNames?: readonly string[];
  /** `all` makes it part of `kubectl get all`. */
  readonly categories?: readonly string[];
  readonly verbs: readonly Verb[];
  readonly subresources?: readonly Subresource[];
  readonly columns?: readonly Column<T>[];
  /** Field selectors beyond `metadata.name` and `metadata.namespace`: path as clients write it, and its value. */
  readonly selectableFields?: Readonly<Record<string, FieldReader<T>>>;
  readonly durability?: Durability;
  /** Since when, and what takes its place: clients are warned with each answer. */
  readonly deprecated?: string;
  /** Phantom: binds T. Never set. */
  readonly object?: T;
}

/** `apps/v1`, or `v1` for the core group: what objects carry as `apiVersion`. */
export const apiVersionOf = (r: { group: string; version: string }): string =>
  r.group ? `${r.group}/${r.version}` : r.version;

/** `deployments.apps`: how errors, RBAC and the scheduler's events name a kind. */
export const groupResourceOf = (
  r: Pick<Resource, 'group' | 'plural'>,
): { group: string; resource: string } => ({
  group: r.group,
  resource: r.plural,
});
