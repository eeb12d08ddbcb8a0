/** Directories on boards, made and removed over their links. */
export interface BoardStorage {
  /**
   * Makes an empty directory for the volume, if it is not there. Resolves to its path on the board. Rejects with a StatusError
   * `ServiceUnavailable` or `Timeout` while the board is away, and with an error that says why where the board can't.
   */
  make(node: string, volume: string, bytes: number): Promise<string>;
  /**
   * Removes the directory with all that is in it. Resolves when it is gone from the board's disk. Rejects as `make` does, and
   * where the board's directories are not where `path` is; no path: wherever they are.
   */
  remove(node: string, volume: string, path: string): Promise<void>;
  /** Calls back when a board has come (back). Returns the function that ends it. */
  onConnected(listener: (node: string) => void): () => void;
}
