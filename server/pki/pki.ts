import { createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { createCa, type Issuer, issueCertificate } from '#proto/pki/certificate.ts';
import { caHash, keyToPem, spkiOf } from '#proto/pki/key.ts';
import type { DistinguishedName } from '#proto/pki/name.ts';
import { fromPem, toPem } from '#proto/pki/pem.ts';
import { EARLIEST_NOW } from '#proto/time/board-time.plan.ts';
import { PkiFiles } from '#server/pki/pki-files.ts';
import { alternativeNamesOf, sameNames } from '#server/pki/serving-names.ts';
import { formatToken, generateToken, parseToken } from '#server/tokens/token-format.ts';

export interface PkiOptions {
  readonly clusterDomain: string;
  /** The address of the `kubernetes` Service. */
  readonly serviceIp: string;
  readonly advertiseAddress: string;
  readonly tlsSans: readonly string[];
  readonly nodeName: string;
  readonly now: () => number;
}

/** A certificate and its key, PEM. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

export interface Pki {
  readonly ca: { readonly cert: string; readonly der: Uint8Array; readonly issuer: Issuer };
  /** What `--token` carries to a board: `sha256:<hex>`. */
  readonly caHash: string;
  /** Of the API server and of the agent link. */
  readonly serving: KeyPair;
  /** CN=kubernetes-admin, O=system:masters. */
  readonly admin: KeyPair;
  /** By which aggregated API servers know this one; of a CA of its own, which signs nothing else. */
  readonly frontProxy: { readonly caCert: string; readonly name: string; readonly client: KeyPair };
  /** Signs service-account tokens (ES256). */
  readonly serviceAccountKey: KeyObject;
  /** `id.secret`: with it the first boards join, beside the tokens in the cluster. */
  readonly joinToken: string;
}

const FRONT_PROXY = 'front-proxy-client';
const DAY_MS = 86_400_000;
const CA_DAYS = 30 * 365;
const LEAF_DAYS = 365;
const RENEW_BELOW_DAYS = 30;
/** And what others issued must already hold for it, so that it can ask a server for the time. */
export const NOT_BEFORE_MS = 0;

/**
 * Opens the cluster's keys and certificates, making what is missing.
 * - A key is on disk before the certificate that speaks of it; one without its certificate gets a new one.
 * - Serving and admin certificates are renewed at the start when they are damaged, of another CA or key, have less than
 *   30 days left, or when the names of the server changed. Keys stay.
 * - The CA's key is never replaced: damage to it, or its loss, stops the start with what to restore.
 */
export function openPki(directory: string, options: PkiOptions): Pki {
  const files = new PkiFiles(directory);
  const now = Math.max(options.now(), EARLIEST_NOW);
  const ca = openCa(files, now, 'ca', 'coracle-ca');
  const proxyCa = openCa(files, now, 'front-proxy-ca', 'coracle-front-proxy-ca');
  const names = alternativeNamesOf(options);
  return {
    ca: { cert: toPem('CERTIFICATE', ca.certificate), der: ca.certificate, issuer: ca },
    caHash: caHash(ca.certificate),
    serving: openLeaf(files, ca, now, 'server', {
      subject: { commonName: 'kube-apiserver' },
      usages: ['server'],
      alternativeNames: names,
    }),
    admin: openLeaf(files, ca, now, 'admin', {
      subject: { commonName: 'kubernetes-admin', organizations: ['system:masters'] },
      usages: ['client'],
      alternativeNames: [],
    }),
    frontProxy: {
      caCert: toPem('CERTIFICATE', proxyCa.certificate),
      name: FRONT_PROXY,
      client: openLeaf(files, proxyCa, now, 'front-proxy-client', {
        subject: { commonName: FRONT_PROXY },
        usages: ['client'],
        alternativeNames: [],
      }),
    },
    serviceAccountKey: files.key('service-account.key'),
    joinToken: openJoinToken(files),
  };
}

function openCa(files: PkiFiles, now: number, file: string, commonName: string): Issuer {
  const stored = files.read(`${file}.crt`);
  if (stored !== undefined && files.read(`${file}.key`) === undefined) {
    throw new Error(`${files.path(`${file}.key`)} is missing: restore it from a backup`);
  }
  const key = files.key(`${file}.key`);
  if (stored !== undefined) {
    const certificate = readCertificate(stored);
    if (!certificate?.publicKey.equals(publicOf(key))) {
      throw new Error(
        `${files.path(`${file}.crt`)} does not belong to ${file}.key or is damaged: restore it from a backup`,
      );
    }
    if (!isDue(certificate, now)) return { certificate: certificate.raw, key };
  }
  const certificate = createCa({
    commonName,
    key,
    notBeforeMs: NOT_BEFORE_MS,
    notAfterMs: now + CA_DAYS * DAY_MS,
  });
  files.write(`${file}.crt`, toPem('CERTIFICATE', certificate));
  return { certificate, key };
}

interface Leaf {
  readonly subject: DistinguishedName;
  readonly usages: readonly ('server' | 'client')[];
  readonly alternativeNames: readonly string[];
}

function openLeaf(files: PkiFiles, ca: Issuer, now: number, name: string, leaf: Leaf): KeyPair {
  const key = files.key(`${name}.key`);
  const stored = files.read(`${name}.crt`);
  const certificate = stored === undefined ? undefined : readCertificate(stored);
  if (certificate && isUsable(certificate, key, ca, now) && isFor(certificate, leaf)) {
    return { cert: toPem('CERTIFICATE', certificate.raw), key: keyToPem(key) };
  }
  const fresh = toPem(
    'CERTIFICATE',
    issueCertificate(ca, {
      ...leaf,
      spki: spkiOf(key),
      notBeforeMs: NOT_BEFORE_MS,
      notAfterMs: now + LEAF_DAYS * DAY_MS,
    }),
  );
  files.write(`${name}.crt`, fresh);
  return { cert: fresh, key: keyToPem(key) };
}

const isUsable = (certificate: X509Certificate, key: KeyObject, ca: Issuer, now: number): boolean =>
  certificate.publicKey.equals(publicOf(key)) &&
  certificate.verify(publicOf(ca.key)) &&
  !isDue(certificate, now);

const isFor = (certificate: X509Certificate, leaf: Leaf): boolean =>
  sameNames(certificate.subjectAltName, leaf.alternativeNames);

const publicOf = (key: KeyObject): KeyObject => createPublicKey(key);

function readCertificate(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(fromPem('CERTIFICATE', pem));
  } catch {
    return undefined;
  }
}

const isDue = (certificate: X509Certificate, now: number): boolean =>
  Date.parse(certificate.validTo) - now < RENEW_BELOW_DAYS * DAY_MS;

function openJoinToken(files: PkiFiles): string {
  const stored = files.read('join-token')?.trim();
  if (stored !== undefined && parseToken(stored)) return stored;
  const token = formatToken(generateToken());
  files.write('join-token', `${token}\n`);
  return token;
}
