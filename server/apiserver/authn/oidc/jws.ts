import { constants, type KeyObject, type SigningOptions, verify } from 'node:crypto';
import { isObject, type JsonObject } from '#proto/meta/own-property.ts';

/** Signature algorithms of RFC 7518 §3.1 with public keys: digest, kind of key, and how the signature is written. */
const ALGORITHMS: Readonly<
  Record<
    string,
    { readonly digest: string; readonly key: string; readonly options?: SigningOptions & object }
  >
> = {
  RS256: { digest: 'sha256', key: 'rsa' },
  RS384: { digest: 'sha384', key: 'rsa' },
  RS512: { digest: 'sha512', key: 'rsa' },
  PS256: { digest: 'sha256', key: 'rsa', options: pss() },
  PS384: { digest: 'sha384', key: 'rsa', options: pss() },
  PS512: { digest: 'sha512', key: 'rsa', options: pss() },
  ES256: { digest: 'sha256', key: 'ec', options: { dsaEncoding: 'ieee-p1363' } },
  ES384: { digest: 'sha384', key: 'ec', options: { dsaEncoding: 'ieee-p1363' } },
  ES512: { digest: 'sha512', key: 'ec', options: { dsaEncoding: 'ieee-p1363' } },
};

function pss(): SigningOptions {
  return { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
}

export const SIGNING_ALGORITHMS: readonly string[] = Object.keys(ALGORITHMS);

/** Longer ones are no tokens, and are not worth a hash. */
const MAX_BYTES = 32 * 1024;

export interface Jws {
  readonly algorithm: string;
  readonly keyId: string | undefined;
  readonly claims: JsonObject;
  /** Did the owner of this public key sign it? */
  isSignedBy(key: KeyObject): boolean;
}

/** A signed token in compact form (RFC 7515), nothing verified; undefined for what is none. */
export function readJws(token: string): Jws | undefined {
  const [head, body, signature, ...more] = token.length <= MAX_BYTES ? token.split('.') : [];
  if (!head || !body || !signature || more.length > 0) return undefined;
  const header = parse(head);
  const claims = parse(body);
  const algorithm = header?.['alg'];
  if (typeof algorithm !== 'string' || !claims) return undefined;
  const keyId = header?.['kid'];
  return {
    algorithm,
    keyId: typeof keyId === 'string' ? keyId : undefined,
    claims,
    isSignedBy(key) {
      const found = Object.hasOwn(ALGORITHMS, algorithm) ? ALGORITHMS[algorithm] : undefined;
      if (!found || key.asymmetricKeyType !== found.key) return false;
      const content = Buffer.from(`${head}.${body}`);
      return verify(found.digest, content, { key, ...found.options }, Buffer.from(signature, 'base64url'));
    },
  };
}

function parse(part: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
