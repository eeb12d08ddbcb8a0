import type { Resource } from '#proto/api/resource.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import type { InformerDeps } from '#server/client/informer.ts';
import { Informer } from '#server/client/informer.ts';

interface Startable {
  start(signal: AbortSignal): void;
  whenSynced(signal?: AbortSignal): Promise<void>;
}

/**
 * One informer a kind for everybody in the program: made in the composition root. Ask for informers and add
 * indexes and listeners first, then `start`; one asked for later starts at once.
 */
export class InformerFactory {
  readonly #deps: InformerDeps;
  readonly #informers = new Map<string, Startable>();
  #signal: AbortSignal | undefined;

  constructor(deps: InformerDeps) {
    this.#deps = deps;
  }

  /** The shared informer of this kind. */
  for<T extends KubeObject>(resource: Resource<T>): Informer<T> {
    const id = `${resource.group}/${resource.version}/${resource.plural}`;
    const known = this.#informers.get(id);
    // The id names the kind, so an informer under it is of that kind's type.
    if (known) return known as Informer<T>;
    const informer = new Informer(resource, this.#deps);
    this.#informers.set(id, informer);
    if (this.#signal) informer.start(this.#signal);
    return informer;
  }

  start(signal: AbortSignal): void {
    this.#signal = signal;
    for (const informer of this.#informers.values()) informer.start(signal);
  }

  /** Resolves when all informers known by now are filled. */
  async whenSynced(signal?: AbortSignal): Promise<void> {
    await Promise.all([...this.#informers.values()].map((informer) => informer.whenSynced(signal)));
  }
}
