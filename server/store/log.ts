/**
 * The floor of the store: a flat, ordered map of keys to bytes that takes batches atomically. It knows nothing
 * of revisions. LevelDB and memory implement it and share `log.case.ts`; another database is one more file.
 */
export interface Log {
  /**
   * Applies the whole batch or nothing of it. With `sync` it resolves once the device has it. After a
   * rejection the caller must assume that the batch may still turn up at the next open.
   */
  append(batch: readonly LogOperation[], options: { readonly sync: boolean }): Promise<void>;
  /** Answers at once: the store's readers are synchronous. */
  read(key: string): Uint8Array | undefined;
  /** Keys that start with `prefix`, in byte order. */
  scan(prefix: string): AsyncIterable<LogRecord>;
  close(): Promise<void>;
}

export interface LogRecord {
  readonly key: string;
  readonly value: Uint8Array;
}

/** `value: undefined` deletes. */
export interface LogOperation {
  readonly key: string;
  readonly value: Uint8Array | undefined;
}
