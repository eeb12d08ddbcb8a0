import type { Resource } from '#proto/api/resource.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import { keyOf } from '#proto/meta/object.ts';
import type { ChangeListener, Informer } from '#server/client/informer.ts';
import type { InformerFactory } from '#server/client/informer-factory.ts';
import { indexByOwner } from '#server/client/object-cache.ts';

/** One object of one kind, as the queue names it and as the caches find it. */
export interface Found {
  readonly id: string;
  readonly resource: Resource;
  readonly object: KubeObject;
}

/** Events are many, short-lived, and own nothing. */
const isCollected = (r: Resource): boolean =>
  r.kind !== 'Event' && ['list', 'watch', 'delete', 'patch'].every((verb) => r.verbs.some((v) => v === verb));

const idOf = (r: Resource): string => `${r.plural}.${r.group}`;

/**
 * The caches of all kinds, by kind. There is no graph beside them: who owns whom is an index of each cache, which
 * holds objects with owners only.
 */
export class CollectedKinds {
  readonly #informers: InformerFactory;
  readonly #byId = new Map<string, Informer<KubeObject>>();
  readonly #byKind = new Map<string, Informer<KubeObject>>();

  constructor(informers: InformerFactory) {
    this.#informers = informers;
  }

  /** Takes kinds in that are not known yet, and lets those go that are no longer there. */
  follow(
    resources: readonly Resource[],
    listener: (found: Found, ...change: Parameters<ChangeListener<KubeObject>>) => void,
  ): void {
    this.#forget(resources);
    for (const resource of resources) {
      const id = idOf(resource);
      // One version of a kind is enough: the objects are the same.
      if (!isCollected(resource) || this.#byId.has(id)) continue;
      const informer = this.#informers.for(resource);
      informer.addIndex('owner', indexByOwner);
      this.#byId.set(id, informer);
      this.#byKind.set(`${resource.group}/${resource.kind}`, informer);
      informer.onChange((type, object, old) =>
        listener({ id: `${id}|${keyOf(object)}`, resource, object }, type, object, old),
      );
    }
  }

  #forget(resources: readonly Resource[]): void {
    const versions = new Set(resources.map((r) => `${r.version}/${idOf(r)}`));
    for (const [id, { resource }] of this.#byId) {
      if (versions.has(`${resource.version}/${id}`)) continue;
      this.#byId.delete(id);
      this.#byKind.delete(`${resource.group}/${resource.kind}`);
      this.#informers.drop(resource);
    }
  }

  /** All caches are filled. */
  get hasSynced(): boolean {
    for (const informer of this.#byId.values()) if (!informer.hasSynced) return false;
    return true;
  }

  /** What a queue key names. */
  find(id: string): Found | undefined {
    const bar = id.indexOf('|');
    const informer = this.#byId.get(id.slice(0, bar));
    const object = informer?.get(id.slice(bar + 1));
    return informer && object && { id, resource: informer.resource, object };
  }

  /** The cache of the kind that an owner reference names. */
  ofKind(apiVersion: string, kind: string): Informer<KubeObject> | undefined {
    const slash = apiVersion.indexOf('/');
    return this.#byKind.get(`${slash < 0 ? '' : apiVersion.slice(0, slash)}/${kind}`);
  }

  dependentsOf(uid: string): Found[] {
    const found: Found[] = [];
    for (const [id, informer] of this.#byId) {
      for (const object of informer.byIndex('owner', uid)) {
        found.push({ id: `${id}|${keyOf(object)}`, resource: informer.resource, object });
      }
    }
    return found;
  }
}
