import { type KeyObject, randomBytes, sign, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import {
  bitString,
  boolean,
  explicit,
  implicit,
  integer,
  octetString,
  oid,
  readChildren,
  readDer,
  sequence,
  time,
} from './der.ts';
import { encodeGeneralName, type GeneralName } from './general-name.ts';
import { keyIdentifier, spkiOf } from './key.ts';
import { extendedUsages, keyUsageBits } from './key-usage.ts';
import { type DistinguishedName, encodeName } from './name.ts';

const ECDSA_WITH_SHA256 = sequence(oid('1.2.840.10045.4.3.2'));

export interface CertificateRequest {
  /** As a name, or its DER. */
  readonly subject: DistinguishedName | Uint8Array;
  /** SubjectPublicKeyInfo, DER, of whom it is for. */
  readonly spki: Uint8Array;
  /** Epoch milliseconds. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** As `certificates.k8s.io` names them; `server` and `client` are short for a TLS server and client. */
  readonly usages: readonly string[];
  /** Host names and addresses, IPv4 or IPv6; or names of other kinds. */
  readonly alternativeNames?: readonly (string | GeneralName)[];
}

/** Who signs: the CA's certificate, DER, and its key. */
export interface Issuer {
  readonly certificate: Uint8Array;
  readonly key: KeyObject;
}

/** A self-signed CA certificate, DER. */
export function createCa(options: {
  commonName: string;
  key: KeyObject;
  notBeforeMs: number;
  notAfterMs: number;
}): Buffer {
  const spki = spkiOf(options.key);
  const name = encodeName({ commonName: options.commonName });
  return signed(options.key, {
    issuer: name,
    subject: name,
    spki,
    notBeforeMs: options.notBeforeMs,
    notAfterMs: options.notAfterMs,
    extensions: [
      extension('2.5.29.19', true, sequence(boolean(true))),
      // keyCertSign and cRLSign, and digitalSignature.
      extension('2.5.29.15', true, bitString(Buffer.from([0x86]), 1)),
      extension('2.5.29.14', false, octetString(keyIdentifier(spki))),
    ],
  });
}

/** An end-entity certificate, DER. Rule: RFC 5280; usages as Kubernetes' signers set them. */
export function issueCertificate(issuer: Issuer, request: CertificateRequest): Buffer {
  const ca = new X509Certificate(issuer.certificate);
  const issuerSpki = spkiOf(ca.publicKey);
  const names = (request.alternativeNames ?? []).map(generalName);
  const usages = request.usages.flatMap((usage) => TLS_USAGES[usage] ?? [usage]);
  const bits = keyUsageBits(usages);
  const extended = extendedUsages(usages).map(oid);
  const { subject } = request;
  return signed(issuer.key, {
    issuer: subjectOf(issuer.certificate),
    subject: subject instanceof Uint8Array ? subject : encodeName(subject),
    spki: request.spki,
    notBeforeMs: request.notBeforeMs,
    notAfterMs: request.notAfterMs,
    extensions: [
      extension('2.5.29.19', true, sequence()),
      ...(bits ? [extension('2.5.29.15', true, bits)] : []),
      ...(extended.length > 0 ? [extension('2.5.29.37', false, sequence(...extended))] : []),
      extension('2.5.29.14', false, octetString(keyIdentifier(request.spki))),
      extension('2.5.29.35', false, sequence(implicit(0, keyIdentifier(issuerSpki)))),
      ...(names.length > 0 ? [extension('2.5.29.17', false, sequence(...names))] : []),
    ],
  });
}

const TLS_USAGES: Readonly<Record<string, readonly string[]>> = {
  server: ['digital signature', 'server auth'],
  client: ['digital signature', 'client auth'],
};

interface ToBeSigned {
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  readonly spki: Uint8Array;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly extensions: readonly Uint8Array[];
}

function signed(key: KeyObject, content: ToBeSigned): Buffer {
  const serial = randomBytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  const tbs = sequence(
    explicit(0, integer(Buffer.from([2]))),
    integer(serial),
    ECDSA_WITH_SHA256,
    content.issuer,
    sequence(time(content.notBeforeMs), time(content.notAfterMs)),
    content.subject,
    content.spki,
    explicit(3, sequence(...content.extensions)),
  );
  return sequence(tbs, ECDSA_WITH_SHA256, bitString(sign('sha256', tbs, key)));
}

const extension = (id: string, critical: boolean, value: Uint8Array): Buffer =>
  sequence(oid(id), ...(critical ? [boolean(true)] : []), octetString(value));

const generalName = (name: string | GeneralName): Buffer =>
  encodeGeneralName(typeof name === 'string' ? { kind: isIP(name) ? 'ip' : 'dns', value: name } : name);

/** The subject of a certificate byte for byte: an issuer name must be equal to it, not only mean the same. */
function subjectOf(certificate: Uint8Array): Buffer {
  const [tbs] = readChildren(readDer(certificate, 0x30));
  const fields = tbs ? readChildren(tbs) : [];
  // version [0], serial, algorithm, issuer, validity, subject.
  const subject = fields[5];
  if (!subject) throw new Error('the certificate has no subject');
  return subject.raw;
}
