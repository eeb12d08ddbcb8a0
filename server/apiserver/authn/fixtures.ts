import type { Resource } from '#proto/api/resource.ts';
import { apiVersionOf } from '#proto/api/resource.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import { createStoreReader, type ObjectReader } from '#server/apiserver/authn/object-reader.ts';
import { encodeObject } from '#server/apiserver/rest/entries.ts';
import { storageKey } from '#server/apiserver/rest/keys.ts';
import { createMemoryStore } from '#server/store/open.ts';
import type { Store } from '#server/store/store.ts';

/** For tests: a store in memory, the reader over it, and a way to put objects there. */
export function aCluster(): {
  readonly store: Store;
  readonly reader: ObjectReader;
  put<T extends KubeObject>(resource: Resource<T>, object: T): Promise<T>;
  remove<T extends KubeObject>(resource: Resource<T>, object: T): Promise<void>;
} {
  const store = createMemoryStore();
  const keyOf = (resource: Resource, { metadata }: KubeObject): string =>
    storageKey(resource, metadata.namespace, metadata.name ?? '');
  return {
    store,
    reader: createStoreReader(store),
    async put(resource, object) {
      const { kind } = resource;
      const entry = await store.put({
        key: keyOf(resource, object),
        durability: 'synced',
        encode: (revision) =>
          encodeObject({
            ...object,
            apiVersion: apiVersionOf(resource),
            kind,
            metadata: { ...object.metadata, resourceVersion: String(revision) },
          }),
      });
      return entry.object as typeof object;
    },
    async remove(resource, object) {
      await store.delete({
        key: keyOf(resource, object),
        durability: 'synced',
        encode: () => encodeObject(object),
      });
    },
  };
}
