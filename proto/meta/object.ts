import type { ListMeta, ObjectMeta } from '#proto/schema/generated/meta-v1.ts';

/** Whatever the API stores: `apiVersion`, `kind` and `metadata`, the rest belongs to the kind. */
export interface KubeObject {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  metadata: ObjectMeta;
}

/** A list as the API answers it. `metadata.resourceVersion` is the revision that the whole list is true for. */
export interface ObjectList<T extends KubeObject = KubeObject> {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  metadata: ListMeta;
  items: T[];
}

/** Namespace and name of one object; no namespace for cluster-scoped kinds. */
export interface ObjectKey {
  readonly namespace?: string | undefined;
  readonly name: string;
}

/** `namespace/name`, or `name` for a cluster-scoped object: the form in which work queues carry keys. */
export function keyOf(object: KubeObject): string {
  const { namespace, name } = object.metadata;
  return namespace ? `${namespace}/${name}` : (name ?? '');
}

/** The other way round of {@link keyOf}. */
export function parseKey(key: string): ObjectKey {
  const slash = key.indexOf('/');
  return slash < 0 ? { name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}
