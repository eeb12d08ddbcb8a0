import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  X509Certificate,
} from 'node:crypto';
import { readChildren, readDer } from './der.ts';

/** A new ECDSA P-256 key: small, fast on a board, and what every TLS stack has. */
export const generateKey = (): KeyObject => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;

export const keyToPem = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }).toString();
export const keyFromPem = (pem: string): KeyObject => createPrivateKey(pem);

/** SubjectPublicKeyInfo, DER, of a private or a public key. */
export function spkiOf(key: KeyObject): Buffer {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key;
  return publicKey.export({ type: 'spki', format: 'der' });
}

/** Subject key identifier: SHA-1 over the bits of the public key. Rule: RFC 5280 §4.2.1.2, method 1. */
export function keyIdentifier(spki: Uint8Array): Buffer {
  const [, bits] = readChildren(readDer(spki, 0x30));
  return createHash('sha1')
    .update(bits?.contents.subarray(1) ?? Buffer.alloc(0))
    .digest();
}

/**
 * The pin of a CA, `sha256:<hex>`: over its public key (SPKI), so that it outlives a renewal of the certificate
 * with the same key. The same form and value as kubeadm's discovery hash.
 */
export function caHash(certificate: Uint8Array | string): string {
  const { publicKey } = new X509Certificate(certificate);
  return `sha256:${createHash('sha256').update(spkiOf(publicKey)).digest('hex')}`;
}
