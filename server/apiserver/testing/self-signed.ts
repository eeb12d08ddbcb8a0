import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { createCa, issueCertificate } from '#proto/pki/certificate.ts';

/** A certificate for `names`, by a CA of its own that is good for an hour. PEM. */
export function selfSigned(names: readonly string[] = ['127.0.0.1']): {
  cert: string;
  key: string;
  ca: string;
} {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const caKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const validity = { notBeforeMs: Date.now() - 60_000, notAfterMs: Date.now() + 3_600_000 };
  const ca = createCa({ commonName: 'test', key: caKey, ...validity });
  const cert = issueCertificate(
    { certificate: ca, key: caKey },
    {
      subject: { commonName: 'localhost' },
      spki: keys.publicKey.export({ type: 'spki', format: 'der' }),
      usages: ['server'],
      alternativeNames: names,
      ...validity,
    },
  );
  const pem = (der: Uint8Array): string => new X509Certificate(der).toString();
  return {
    cert: pem(cert),
    key: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    ca: pem(ca),
  };
}
