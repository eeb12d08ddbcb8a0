import type { Entry } from '#server/store/store.ts';

const decoder = new TextDecoder();

/**
 * Bytes that stay, and a parsed object that is shared for as long as somebody holds it: informers keep theirs
 * alive, and what only a passing request looked at is collected.
 */
export class StoredEntry implements Entry {
  readonly key: string;
  readonly revision: number;
  readonly bytes: Uint8Array;
  #parsed: WeakRef<object> | undefined;

  constructor(key: string, revision: number, bytes: Uint8Array) {
    this.key = key;
    this.revision = revision;
    this.bytes = bytes;
  }

  get object(): unknown {
    const shared = this.#parsed?.deref();
    if (shared) return shared;
    const parsed: unknown = JSON.parse(decoder.decode(this.bytes));
    if (typeof parsed === 'object' && parsed !== null) this.#parsed = new WeakRef(parsed);
    return parsed;
  }
}
