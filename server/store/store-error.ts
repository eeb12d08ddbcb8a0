/** Another process has the directory open. */
export class StoreLocked extends Error {
  readonly directory: string;
  constructor(directory: string, cause?: unknown) {
    super(
      `the data directory ${directory} is in use by another coracle server: stop that one, or start this one with another --data-dir`,
      { cause },
    );
    this.name = 'StoreLocked';
    this.directory = directory;
  }
}

/** The database cannot be read, and repairing it did not help. Nothing was deleted. */
export class StoreCorrupted extends Error {
  readonly directory: string;
  constructor(directory: string, what: string, cause?: unknown) {
    super(`the database in ${directory} is damaged: ${what}. Restore it with "coracle restore"`, { cause });
    this.name = 'StoreCorrupted';
    this.directory = directory;
  }
}
