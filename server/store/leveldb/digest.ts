import { crc32 } from 'node:zlib';
import type { LogOperation } from '#server/store/log.ts';

/** Where a database keeps its own digest; no part of what the digest covers. */
export const DIGEST_KEY = 'm/digest';

/**
 * The number of records and the exclusive or of their checksums, written with each batch. LevelDB drops
 * a damaged part of its log without a word, and with it acknowledged writes or deletions; a digest that does
 * not fit what is read at open tells. A batch costs some 20 bytes more.
 */
export interface Digest {
  readonly count: number;
  readonly sum: number;
}

export const EMPTY: Digest = { count: 0, sum: 0 };

/** With one record more. */
export const including = (digest: Digest, key: string, value: Uint8Array): Digest => ({
  count: digest.count + 1,
  sum: (digest.sum ^ crc32(value, crc32(key))) >>> 0,
});

const excluding = (digest: Digest, key: string, value: Uint8Array): Digest => ({
  count: digest.count - 1,
  sum: (digest.sum ^ crc32(value, crc32(key))) >>> 0,
});

/** After a batch; `read` tells what is there before it. */
export function after(
  digest: Digest,
  batch: readonly LogOperation[],
  read: (key: string) => Uint8Array | undefined,
): Digest {
  const written = new Map<string, Uint8Array | undefined>();
  let next = digest;
  for (const { key, value } of batch) {
    const old = written.has(key) ? written.get(key) : read(key);
    if (old) next = excluding(next, key, old);
    if (value) next = including(next, key, value);
    written.set(key, value);
  }
  return next;
}

export const encodeDigest = ({ count, sum }: Digest): Uint8Array =>
  new TextEncoder().encode(`${count} ${sum}`);

export function decodeDigest(value: Uint8Array | undefined): Digest {
  if (!value) return EMPTY;
  const [count, sum] = new TextDecoder().decode(value).split(' ').map(Number);
  return { count: count ?? 0, sum: sum ?? 0 };
}

export const fits = (a: Digest, b: Digest): boolean => a.count === b.count && a.sum === b.sum;
