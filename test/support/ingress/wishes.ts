import type { DesiredState } from '#agent/link/cluster.ts';
import { type KubeObject, keyOf } from '#proto/meta/object.ts';
import type { Node, Pod, Secret } from '#proto/schema/generated/core-v1.ts';

/** What the cluster wants of a board, changed by hand. */
export class Wishes implements DesiredState {
  readonly complete = true;
  readonly #objects = new Map<string, KubeObject>();
  readonly #listeners = new Set<(plural: string, key: string) => void>();

  put(plural: string, object: KubeObject): void {
    this.#objects.set(`${plural}/${keyOf(object)}`, object);
    for (const listener of this.#listeners) listener(plural, keyOf(object));
  }

  drop(plural: string, key: string): void {
    this.#objects.delete(`${plural}/${key}`);
    for (const listener of this.#listeners) listener(plural, key);
  }

  pods(): readonly Pod[] {
    return this.list<Pod>('pods');
  }

  node(): Node | undefined {
    return undefined;
  }

  configMap(): undefined {
    return undefined;
  }

  secret(namespace: string, name: string): Secret | undefined {
    return this.#objects.get(`secrets/${namespace}/${name}`) as Secret | undefined;
  }

  list<T extends KubeObject>(plural: string): readonly T[] {
    return [...this.#objects]
      .filter(([key]) => key.startsWith(`${plural}/`))
      .map(([, object]) => object as T);
  }

  onChange(listener: (plural: string, key: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
