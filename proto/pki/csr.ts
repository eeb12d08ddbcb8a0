import { createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import {
  bitString,
  type DerElement,
  explicit,
  integer,
  oid,
  readChildren,
  readDer,
  readOid,
  sequence,
} from './der.ts';
import { type GeneralName, readGeneralNames } from './general-name.ts';
import { spkiOf } from './key.ts';
import { type DistinguishedName, decodeName, encodeName } from './name.ts';

const ECDSA_WITH_SHA256 = '1.2.840.10045.4.3.2';
/** Signature algorithms, by object identifier: the digest that each is over; none for Ed25519. */
const DIGESTS: Readonly<Record<string, string | null>> = {
  [ECDSA_WITH_SHA256]: 'sha256',
  '1.2.840.10045.4.3.3': 'sha384',
  '1.2.840.10045.4.3.4': 'sha512',
  '1.2.840.113549.1.1.11': 'sha256',
  '1.2.840.113549.1.1.12': 'sha384',
  '1.2.840.113549.1.1.13': 'sha512',
  '1.3.101.112': null,
};
const EXTENSION_REQUEST = '1.2.840.113549.1.9.14';
const SUBJECT_ALTERNATIVE_NAME = '2.5.29.17';
const CONTEXT_0 = 0xa0;

/** What a request asks for, its signature checked. */
export interface Csr {
  readonly subject: Required<DistinguishedName>;
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Buffer;
}

/** The same with what only some requests have. */
export interface FullCsr extends Csr {
  /** The subject as it was written: it may say more than `subject`. */
  readonly subjectDer: Buffer;
  readonly alternativeNames: readonly GeneralName[];
  readonly key: KeyObject;
  readonly algorithm: string;
}

/** A PKCS#10 request (RFC 2986), DER. */
export function createCsr(key: KeyObject, subject: DistinguishedName): Buffer {
  const info = sequence(integer(Buffer.from([0])), encodeName(subject), spkiOf(key), explicit(0));
  return sequence(info, sequence(oid(ECDSA_WITH_SHA256)), bitString(sign('sha256', info, key)));
}

/** Throws for anything that is not a well-formed request, signed with ECDSA and SHA-256 by the key in it. */
export function parseCsr(der: Uint8Array): Csr {
  const { subject, spki, key, algorithm } = readCsr(der);
  if (algorithm !== ECDSA_WITH_SHA256)
    throw new Error('the certificate request is not signed with ECDSA and SHA-256');
  if (key.asymmetricKeyType !== 'ec' || key.asymmetricKeyDetails?.namedCurve !== 'prime256v1')
    throw new Error('the key of the certificate request is not on P-256');
  return { subject, spki };
}

/** Throws for anything that is not a well-formed request, signed by the RSA, ECDSA or Ed25519 key in it. */
export function readCsr(der: Uint8Array): FullCsr {
  const [info, algorithm, signature] = readChildren(readDer(der, 0x30));
  if (!info || !algorithm || !signature) throw new Error('a certificate request has three parts');
  const [, subject, key, attributes] = readChildren(info);
  const [algorithmId] = readChildren(algorithm);
  if (!subject || !key || !algorithmId) throw new Error('the certificate request is incomplete');
  const publicKey = createPublicKey({ key: key.raw, format: 'der', type: 'spki' });
  const id = readOid(algorithmId);
  const digest = DIGESTS[id];
  if (digest === undefined) throw new Error(`the signature algorithm ${id} is not supported`);
  if (!verify(digest, info.raw, publicKey, signature.contents.subarray(1)))
    throw new Error('the certificate request is not signed by its own key');
  return {
    subject: decodeName(subject),
    subjectDer: Buffer.from(subject.raw),
    spki: Buffer.from(key.raw),
    alternativeNames: attributes?.tag === CONTEXT_0 ? alternativeNames(attributes) : [],
    key: publicKey,
    algorithm: id,
  };
}

function alternativeNames(attributes: DerElement): GeneralName[] {
  const names: GeneralName[] = [];
  for (const attribute of readChildren(attributes)) {
    const [type, values] = readChildren(attribute);
    if (!type || !values || readOid(type) !== EXTENSION_REQUEST) continue;
    for (const extension of readChildren(values).flatMap(readChildren)) {
      const parts = readChildren(extension);
      const [id] = parts;
      const value = parts.at(-1);
      if (id && value && readOid(id) === SUBJECT_ALTERNATIVE_NAME)
        names.push(...readGeneralNames(readDer(value.contents, 0x30)));
    }
  }
  return names;
}
