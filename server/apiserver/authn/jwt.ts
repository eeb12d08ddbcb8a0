import { createHash, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { isObject, type JsonObject } from '#proto/meta/own-property.ts';

/** Longer ones are no tokens of ours, and are not worth a hash. */
const MAX_BYTES = 16 * 1024;

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** The `kid` of a key: its public part's hash, as upstream derives it. */
export const keyIdOf = (key: KeyObject): string =>
  createHash('sha256')
    .update(createPublicKey(key).export({ type: 'spki', format: 'der' }))
    .digest('base64url');

/** A JWT signed with ES256 (RFC 7515, RFC 7518 §3.4). */
export function signJwt(key: KeyObject, keyId: string, claims: object): string {
  const content = `${encode({ alg: 'ES256', kid: keyId })}.${encode(claims)}`;
  return `${content}.${sign('sha256', Buffer.from(content), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}

/** The claims as written, nothing verified; undefined for what is no JWT. */
export function decodeJwt(token: string): JsonObject | undefined {
  const parts = token.length <= MAX_BYTES ? token.split('.') : [];
  return parts.length === 3 ? parse(parts[1]) : undefined;
}

/** The claims of a token that this key signed; undefined for every other. The algorithm is ours to choose, not the token's. */
export function verifyJwt(key: KeyObject, token: string): JsonObject | undefined {
  const parts = token.length <= MAX_BYTES ? token.split('.') : [];
  const [header, claims, signature] = parts;
  if (parts.length !== 3 || !header || !claims || !signature) return undefined;
  if (parse(header)?.['alg'] !== 'ES256') return undefined;
  const bytes = Buffer.from(signature, 'base64url');
  if (bytes.length !== 64 || bytes.toString('base64url') !== signature) return undefined;
  const good = verify(
    'sha256',
    Buffer.from(`${header}.${claims}`),
    { key, dsaEncoding: 'ieee-p1363' },
    bytes,
  );
  return good ? parse(claims) : undefined;
}

function parse(part: string | undefined): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part ?? '', 'base64url').toString('utf8'));
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
