import { lowerBound } from '#server/store/key-index.ts';
import type { Log, LogOperation, LogRecord } from '#server/store/log.ts';

/** The log for tests and for clusters that may forget: an ordered map, nothing else. */
export class MemoryLog implements Log {
  #values = new Map<string, Uint8Array>();
  #keys: string[] = [];
  #closed = false;

  async append(batch: readonly LogOperation[], _options: { readonly sync: boolean }): Promise<void> {
    if (this.#closed) throw new Error('the log is closed');
    for (const { key, value } of batch) {
      const at = lowerBound(this.#keys, key);
      const exists = this.#keys[at] === key;
      if (value === undefined) {
        this.#values.delete(key);
        if (exists) this.#keys.splice(at, 1);
      } else {
        this.#values.set(key, value.slice());
        if (!exists) this.#keys.splice(at, 0, key);
      }
    }
  }

  read(key: string): Uint8Array | undefined {
    return this.#values.get(key);
  }

  async *scan(prefix: string): AsyncGenerator<LogRecord> {
    for (const key of this.#keys.slice(lowerBound(this.#keys, prefix))) {
      const value = this.#values.get(key);
      if (!key.startsWith(prefix)) return;
      if (value) yield { key, value };
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
  }
}
