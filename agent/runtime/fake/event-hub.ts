/** One writer, any number of readers, each with a queue of its own from its `subscribe` on. */
export class EventHub<T> {
  readonly #readers = new Set<Reader<T>>();

  publish(event: T): void {
    for (const reader of this.#readers) {
      reader.queue.push(event);
      reader.wake();
    }
  }

  /** Each reader throws after what it has not yet read. */
  fail(err: Error): void {
    for (const reader of this.#readers) {
      reader.failed = err;
      reader.wake();
    }
    this.#readers.clear();
  }

  subscribe(signal: AbortSignal): AsyncIterable<T> {
    const reader: Reader<T> = { queue: [], wake: () => {}, failed: undefined };
    const readers = this.#readers;
    readers.add(reader);
    signal.addEventListener('abort', () => reader.wake(), { once: true });
    return (async function* () {
      try {
        for (;;) {
          const next = reader.queue.shift();
          if (signal.aborted) return;
          if (next !== undefined) yield next;
          else if (reader.failed) throw reader.failed;
          else await new Promise<void>((resolve) => (reader.wake = resolve));
        }
      } finally {
        readers.delete(reader);
      }
    })();
  }
}

interface Reader<T> {
  readonly queue: T[];
  wake: () => void;
  failed: Error | undefined;
}
