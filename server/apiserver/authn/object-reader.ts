import type { Resource } from '#proto/api/resource.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import { objectOf } from '#server/apiserver/rest/entries.ts';
import { prefixOf, storageKey } from '#server/apiserver/rest/keys.ts';
import type { Store, StoreEvent } from '#server/store/store.ts';

/**
 * What authentication, authorization and admission read by: the newest committed state, without a call to the API
 * that would have to be authorized itself. Objects are shared: never mutate them.
 */
export interface ObjectReader {
  get<T extends KubeObject>(
    resource: Resource<T>,
    namespace: string | undefined,
    name: string,
  ): T | undefined;
  list<T extends KubeObject>(resource: Resource<T>, namespace?: string): T[];
  /** What exists first, then every change, each before the write that made it is answered. */
  follow<T extends KubeObject>(
    resource: Resource<T>,
    listener: (object: T, change: 'put' | 'delete', previous: T | undefined) => void,
  ): () => void;
}

/** Reads straight from the store. For kinds whose served version is the stored one. */
export function createStoreReader(store: Store): ObjectReader {
  return {
    get<T extends KubeObject>(resource: Resource<T>, namespace: string | undefined, name: string) {
      const entry = name === '' ? undefined : store.get(storageKey(resource, namespace, name));
      return entry && (objectOf(entry) as T);
    },
    list<T extends KubeObject>(resource: Resource<T>, namespace?: string) {
      return store
        .range({ prefix: prefixOf(resource, namespace) })
        .entries.map((entry) => objectOf(entry) as T);
    },
    follow<T extends KubeObject>(
      resource: Resource<T>,
      listener: (object: T, change: 'put' | 'delete', previous: T | undefined) => void,
    ) {
      const prefix = prefixOf(resource);
      const { entries, revision } = store.range({ prefix });
      for (const entry of entries) listener(objectOf(entry) as T, 'put', undefined);
      return store.watch(
        { prefix, after: revision },
        {
          onEvent: (event: StoreEvent) =>
            listener(
              objectOf(event.entry) as T,
              event.type,
              event.previous && (objectOf(event.previous) as T),
            ),
        },
      );
    },
  };
}
