import { setImmediate as turn } from 'node:timers/promises';
import type { Resource } from '#proto/api/resource.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import type { WatchEvent, WatchOptions } from '#server/client/client.ts';
import { MemoryClient } from '#server/client/memory-client.ts';

/** The API in memory, seen through caches that lag behind by a random number of turns, each kind by its own. */
export class LaggingClient extends MemoryClient {
  readonly #rng: () => number;

  constructor(now: () => number, rng: () => number) {
    super(now);
    this.#rng = rng;
  }

  override async *watch<T extends KubeObject>(
    resource: Resource<T>,
    options: WatchOptions,
  ): AsyncIterable<WatchEvent<T>> {
    for await (const event of super.watch(resource, options)) {
      if (this.#rng() < 0.3) for (let i = Math.floor(this.#rng() * 8); i > 0; i -= 1) await turn();
      yield event;
    }
  }
}
