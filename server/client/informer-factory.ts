import type { Resource } from '#proto/api/resource.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import type { InformerDeps } from '#server/client/informer.ts';
import { Informer } from '#server/client/informer.ts';

interface Startable {
  readonly resource: Resource;
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
  /** Ends one informer alone. */
  readonly #ends = new Map<Startable, AbortController>();
  #signal: AbortSignal | undefined;

  constructor(deps: InformerDeps) {
    this.#deps = deps;
  }

  /** The shared informer of this kind. */
  for<T extends KubeObject>(resource: Resource<T>): Informer<T> {
    const id = idOf(resource);
    const known = this.#informers.get(id);
    // The id names the kind, so an informer under it is of that kind's type.
    if (known) return known as Informer<T>;
    const informer = new Informer(resource, this.#deps);
    this.#informers.set(id, informer);
    if (this.#signal) this.#start(informer, this.#signal);
    return informer;
  }

  /** Ends the informer of a kind that is no longer served; who asks for it again gets a new one. */
  drop(resource: Resource): void {
    const id = idOf(resource);
    const informer = this.#informers.get(id);
    if (!informer) return;
    this.#informers.delete(id);
    this.#ends.get(informer)?.abort();
    this.#ends.delete(informer);
  }

  start(signal: AbortSignal): void {
    this.#signal = signal;
    for (const informer of this.#informers.values()) this.#start(informer, signal);
  }

  #start(informer: Startable, signal: AbortSignal): void {
    if (this.#ends.has(informer)) return;
    const end = new AbortController();
    this.#ends.set(informer, end);
    // Not `AbortSignal.any`: it keeps what was dropped reachable for as long as the program runs.
    const follow = (): void => end.abort(signal.reason);
    if (signal.aborted) follow();
    signal.addEventListener('abort', follow, { once: true, signal: end.signal });
    informer.start(end.signal);
  }

  /** Resolves when all informers known by now are filled. */
  async whenSynced(signal?: AbortSignal): Promise<void> {
    await Promise.all([...this.#informers.values()].map((informer) => informer.whenSynced(signal)));
  }
}

const idOf = ({ group, version, plural }: Resource): string => `${group}/${version}/${plural}`;
