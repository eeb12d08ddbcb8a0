/**
 * Secrets on the board's card, encrypted: AES-256-GCM under a key that is derived (HKDF-SHA256) from 32 random bytes in a file of
 * their own and from the board's hardware.
 *
 * What it protects from, and what not. A board must start its Pods with nobody and nothing in reach, so all that opens its Secrets
 * is on the board:
 * - Another user of the board reads neither: the files are 0600, as before.
 * - A card alone, or an image of it, in another machine: the serial number is not on the card. It is not secret, though: whoever
 *   held the board, or can ask it, knows it, and then the card is open. So it keeps honest what is lost, sold or sent in
 *   for repair; it does not stop somebody who takes the board. For that a card needs a lock (dm-crypt) with a key elsewhere.
 * - What a card keeps after it was overwritten, a copy of the folder, a support bundle, a journal in a backup: nothing can be
 *   read without the key's file, and to delete that file is to delete all Secrets.
 * - A card in another board: its Secrets can't be read there, and come from the server again.
 * Not covered: what a Pod was given as environment is in containerd's own database, in clear; volumes of Secrets are
 * in memory. Root on a running board reads everything.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { writeFileAtomic } from '#proto/meta/atomic-file.ts';

const CIPHER = 'aes-256-gcm';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const PURPOSE = 'coracle sealed objects 1';

export class Seal {
  readonly #path: string;
  readonly #hardware: string;
  #known: Buffer | undefined;

  /** `path`: of the random half of the key, made at the first use. `hardware`: see `hardware.ts`; '' adds nothing. */
  constructor(path: string, hardware: string) {
    this.#path = path;
    this.#hardware = hardware;
  }

  /** Base64. `label` says what it is; it opens under the same label only, so that sealed values can't be exchanged. */
  seal(text: string, label: string): string {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(CIPHER, this.#key(), nonce).setAAD(Buffer.from(label));
    const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
    return Buffer.concat([nonce, cipher.getAuthTag(), body]).toString('base64');
  }

  /** Throws where it was not sealed by this board under this label, or was changed. */
  open(sealed: string, label: string): string {
    const bytes = Buffer.from(sealed, 'base64');
    const nonce = bytes.subarray(0, NONCE_BYTES);
    const tag = bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES);
    if (tag.length < TAG_BYTES) throw new Error('a sealed value is too short');
    const decipher = createDecipheriv(CIPHER, this.#key(), nonce, { authTagLength: TAG_BYTES })
      .setAAD(Buffer.from(label))
      .setAuthTag(tag);
    const body = bytes.subarray(NONCE_BYTES + TAG_BYTES);
    return Buffer.concat([decipher.update(body), decipher.final()]).toString('utf8');
  }

  #key(): Buffer {
    this.#known ??= Buffer.from(hkdfSync('sha256', this.#random(), this.#hardware, PURPOSE, KEY_BYTES));
    return this.#known;
  }

  #random(): Buffer {
    try {
      const stored = readFileSync(this.#path);
      if (stored.length === KEY_BYTES) return stored;
    } catch (err) {
      if ((err as NodeJS.ErrnoException).code !== 'ENOENT') throw err;
    }
    // None yet, or a damaged one: what was sealed with it is lost, and the server sends it again.
    const fresh = randomBytes(KEY_BYTES);
    writeFileAtomic(this.#path, fresh);
    return fresh;
  }
}
