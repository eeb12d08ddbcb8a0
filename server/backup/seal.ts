/**
 * A backup under a passphrase: it holds the cluster's keys and all Secrets. AES-256-GCM, the key by scrypt from the
 * passphrase and a salt; what is decrypted is to be believed only after the last byte, where the tag is checked.
 */
import {
  type CipherGCM,
  createCipheriv,
  createDecipheriv,
  type DecipherGCM,
  randomBytes,
  scryptSync,
} from 'node:crypto';
import { BackupError } from './archive.ts';

const MAGIC = Buffer.from('CORACLE-SEALED-BACKUP-1\n');
const SALT_BYTES = 16;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEAD_BYTES = MAGIC.length + SALT_BYTES + NONCE_BYTES;
/** 32 MB and some 0.3 s on a board of 2018. */
const SCRYPT = { N: 2 ** 15, r: 8, p: 1, maxmem: 64 * 1024 * 1024 };

const keyOf = (passphrase: string, salt: Uint8Array): Buffer => scryptSync(passphrase, salt, 32, SCRYPT);

export async function* seal(
  chunks: AsyncIterable<Uint8Array>,
  passphrase: string,
): AsyncGenerator<Uint8Array> {
  const [salt, nonce] = [randomBytes(SALT_BYTES), randomBytes(NONCE_BYTES)];
  const cipher: CipherGCM = createCipheriv('aes-256-gcm', keyOf(passphrase, salt), nonce);
  yield Buffer.concat([MAGIC, salt, nonce]);
  for await (const chunk of chunks) yield cipher.update(chunk);
  yield Buffer.concat([cipher.final(), cipher.getAuthTag()]);
}

/** Bytes as they are where they are not sealed. Throws a {@link BackupError} for a wrong or missing passphrase. */
export async function* unseal(
  chunks: AsyncIterable<Uint8Array>,
  passphrase: string | undefined,
): AsyncGenerator<Uint8Array> {
  let head: Buffer | undefined = Buffer.alloc(0);
  let decipher: DecipherGCM | undefined;
  let tail: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    let body: Buffer = Buffer.from(chunk);
    if (head) {
      head = Buffer.concat([head, body]);
      if (head.length < HEAD_BYTES) continue;
      body = head;
      head = undefined;
      if (isSealed(body)) {
        decipher = opened(body, passphrase);
        body = body.subarray(HEAD_BYTES);
      }
    }
    if (!decipher) {
      yield body;
      continue;
    }
    // The last bytes are the tag, and nobody knows yet which are the last.
    tail = Buffer.concat([tail, body]);
    if (tail.length <= TAG_BYTES) continue;
    yield decipher.update(tail.subarray(0, -TAG_BYTES));
    tail = Buffer.from(tail.subarray(-TAG_BYTES));
  }
  if (head?.length) yield head;
  if (!decipher) return;
  try {
    decipher.setAuthTag(tail);
    yield decipher.final();
  } catch (err) {
    throw new BackupError('the passphrase is wrong, or the backup is damaged', err);
  }
}

const isSealed = (bytes: Buffer): boolean => bytes.subarray(0, MAGIC.length).equals(MAGIC);

function opened(bytes: Buffer, passphrase: string | undefined): DecipherGCM {
  if (passphrase === undefined)
    throw new BackupError('the backup is sealed with a passphrase: give it with --passphrase-file');
  const salt = bytes.subarray(MAGIC.length, MAGIC.length + SALT_BYTES);
  const nonce = bytes.subarray(MAGIC.length + SALT_BYTES, HEAD_BYTES);
  return createDecipheriv('aes-256-gcm', keyOf(passphrase, salt), nonce);
}
