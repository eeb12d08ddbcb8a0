import { createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { bitString, explicit, integer, oid, readChildren, readDer, readOid, sequence } from './der.ts';
import { spkiOf } from './key.ts';
import { type DistinguishedName, decodeName, encodeName } from './name.ts';

const ECDSA_WITH_SHA256 = '1.2.840.10045.4.3.2';

/** What a request asks for, its signature checked. */
export interface Csr {
  readonly subject: Required<DistinguishedName>;
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Buffer;
}

/** A PKCS#10 request (RFC 2986), DER. */
export function createCsr(key: KeyObject, subject: DistinguishedName): Buffer {
  const info = sequence(integer(Buffer.from([0])), encodeName(subject), spkiOf(key), explicit(0));
  return sequence(info, sequence(oid(ECDSA_WITH_SHA256)), bitString(sign('sha256', info, key)));
}

/** Throws for anything that is not a well-formed request, signed with ECDSA and SHA-256 by the key in it. */
export function parseCsr(der: Uint8Array): Csr {
  const [info, algorithm, signature] = readChildren(readDer(der, 0x30));
  if (!info || !algorithm || !signature) throw new Error('a certificate request has three parts');
  const [, subject, key] = readChildren(info);
  const [algorithmId] = readChildren(algorithm);
  if (!subject || !key || !algorithmId) throw new Error('the certificate request is incomplete');
  if (readOid(algorithmId) !== ECDSA_WITH_SHA256)
    throw new Error('the certificate request is not signed with ECDSA and SHA-256');
  const publicKey = createPublicKey({ key: key.raw, format: 'der', type: 'spki' });
  if (publicKey.asymmetricKeyType !== 'ec' || publicKey.asymmetricKeyDetails?.namedCurve !== 'prime256v1')
    throw new Error('the key of the certificate request is not on P-256');
  if (!verify('sha256', info.raw, publicKey, signature.contents.subarray(1)))
    throw new Error('the certificate request is not signed by its own key');
  return { subject: decodeName(subject), spki: Buffer.from(key.raw) };
}
