import type { KeyObject } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomic } from '#proto/meta/atomic-file.ts';
import { generateKey, keyFromPem, keyToPem } from '#proto/pki/key.ts';

/** The folder of keys and certificates: 0700, its files 0600, each written whole or not at all. */
export class PkiFiles {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    chmodSync(directory, 0o700);
  }

  path(name: string): string {
    return join(this.#directory, name);
  }

  /** Undefined where there is no such file; every other failure throws. */
  read(name: string): string | undefined {
    try {
      return readFileSync(this.path(name), 'utf8');
    } catch (err) {
      if ((err as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw err;
    }
  }

  write(name: string, text: string): void {
    writeFileAtomic(this.path(name), text, 0o600);
  }

  /**
   * The private key in the file, made on first use. A key that is there but cannot be read throws: a new one in its place
   * would silently cut off everybody who trusts the old one.
   */
  key(name: string): KeyObject {
    const pem = this.read(name);
    if (pem === undefined) {
      const key = generateKey();
      this.write(name, keyToPem(key));
      return key;
    }
    try {
      return keyFromPem(pem);
    } catch (err) {
      throw new Error(`${this.path(name)} is damaged: restore it from a backup`, { cause: err });
    }
  }
}
