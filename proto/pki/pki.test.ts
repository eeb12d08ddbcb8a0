import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createCa, issueCertificate } from './certificate.ts';
import { createCsr, parseCsr, readCsr } from './csr.ts';
import { readChildren, readDer, sequence } from './der.ts';
import { caHash, generateKey, spkiOf } from './key.ts';
import { decodeName, encodeName } from './name.ts';
import { fromPem, toPem } from './pem.ts';

/** The oracle injects by reflection and refuses to load without a polyfill; what is asked of it here reads no metadata. */
async function loadOracle() {
  Object.assign(Reflect, {
    getMetadata: () => undefined,
    getOwnMetadata: () => undefined,
    defineMetadata: () => {},
  });
  return import('@peculiar/x509');
}

const NOW = Date.UTC(2026, 0, 1);
const YEAR = 365 * 86_400_000;
const caKey = generateKey();
const ca = createCa({ commonName: 'coracle', key: caKey, notBeforeMs: NOW, notAfterMs: NOW + 30 * YEAR });
const key = generateKey();
const leaf = issueCertificate(
  { certificate: ca, key: caKey },
  {
    subject: { commonName: 'system:node:pi', organizations: ['system:nodes', 'a'] },
    spki: spkiOf(key),
    notBeforeMs: NOW,
    notAfterMs: NOW + YEAR,
    usages: ['server', 'client'],
    alternativeNames: ['pi.local', '10.0.0.5', 'fd00::1', '::ffff:192.0.2.1'],
  },
);

describe('certificates', () => {
  it('chain to their CA, for Node and for OpenSSL in its strict mode', () => {
    expect(new X509Certificate(leaf).checkIssued(new X509Certificate(ca))).toBe(true);
    expect(new X509Certificate(leaf).verify(new X509Certificate(ca).publicKey)).toBe(true);
    const folder = mkdtempSync(join(tmpdir(), 'coracle-pki-'));
    writeFileSync(join(folder, 'ca.pem'), toPem('CERTIFICATE', ca));
    writeFileSync(join(folder, 'leaf.pem'), toPem('CERTIFICATE', leaf));
    const at = String(NOW / 1000 + 60);
    const args = ['verify', '-x509_strict', '-attime', at, '-CAfile', 'ca.pem', 'leaf.pem'];
    expect(execFileSync('openssl', args, { cwd: folder, encoding: 'utf8' })).toContain('leaf.pem: OK');
  });

  it('carry names, groups, usages and a time after 2050', () => {
    const read = new X509Certificate(leaf);
    expect(read.subject.split('\n')).toEqual(['O=system:nodes', 'O=a', 'CN=system:node:pi']);
    expect(read.subjectAltName).toBe(
      'DNS:pi.local, IP Address:10.0.0.5, IP Address:FD00:0:0:0:0:0:0:1, IP Address:0:0:0:0:0:FFFF:C000:201',
    );
    expect(new X509Certificate(ca).validTo).toContain('2055');
  });

  it('are pinned by the key of their CA, which outlives its certificate', () => {
    const renewed = createCa({ commonName: 'coracle', key: caKey, notBeforeMs: NOW, notAfterMs: NOW + YEAR });
    expect(caHash(renewed)).toBe(caHash(ca));
    expect(caHash(ca)).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(caHash(leaf)).not.toBe(caHash(ca));
  });
});

describe('certificate requests', () => {
  const csr = createCsr(key, { commonName: 'system:node:pi', organizations: ['system:nodes'] });

  it('say who asks, and another implementation agrees', async () => {
    expect(parseCsr(csr).subject).toEqual({ commonName: 'system:node:pi', organizations: ['system:nodes'] });
    expect(parseCsr(csr).spki.equals(spkiOf(key))).toBe(true);
    const { Pkcs10CertificateRequest } = await loadOracle();
    const oracle = new Pkcs10CertificateRequest(csr);
    expect(await oracle.verify()).toBe(true);
    expect(oracle.subject).toContain('CN=system:node:pi');
  });

  it('of OpenSSL are read with RSA keys and names of all kinds, which certificates keep', () => {
    const names = 'DNS:pi.local,IP:10.0.0.5,IP:fd00::1,email:a@b.c,URI:spiffe://x/y';
    const args = ['req', '-new', '-newkey', 'rsa:2048', '-nodes', '-keyout', '/dev/null', '-outform', 'DER'];
    const subject = ['-subj', '/C=NL/O=dev/CN=jane', '-addext', `subjectAltName=${names}`];
    const request = readCsr(execFileSync('openssl', [...args, ...subject], { stdio: 'pipe' }));
    expect(request.subject).toEqual({ commonName: 'jane', organizations: ['dev'] });
    const issued = new X509Certificate(
      issueCertificate(
        { certificate: ca, key: caKey },
        {
          subject: request.subjectDer,
          spki: request.spki,
          notBeforeMs: NOW,
          notAfterMs: NOW + YEAR,
          usages: ['client auth', 'key encipherment', 'decipher only'],
          alternativeNames: request.alternativeNames,
        },
      ),
    );
    expect(issued.subject.split('\n')).toEqual(['C=NL', 'O=dev', 'CN=jane']);
    expect(issued.subjectAltName).toBe(
      'DNS:pi.local, IP Address:10.0.0.5, IP Address:FD00:0:0:0:0:0:0:1, email:a@b.c, URI:spiffe://x/y',
    );
    expect(issued.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2']);
    expect(issued.publicKey.equals(request.key)).toBe(true);
  });

  it('with two common names are refused: readers would disagree on who it is', () => {
    const name = sequence(
      encodeName({ commonName: 'a' }).subarray(2),
      encodeName({ commonName: 'b' }).subarray(2),
    );
    expect(() => decodeName(readDer(name, 0x30))).toThrow(/common name/);
  });

  it('are refused when the signature is of another key', () => {
    const broken = Buffer.from(csr);
    const last = broken.length - 1;
    broken[last] = (broken[last] ?? 0) ^ 1;
    expect(() => parseCsr(broken)).toThrow();
  });

  it('never do worse than throw, whatever bytes come', () => {
    fc.assert(
      fc.property(fc.nat(csr.length - 1), fc.nat(255), fc.nat(csr.length), (at, value, cut) => {
        const broken = Buffer.from(csr.subarray(0, Math.max(cut, 1)));
        if (at < broken.length) broken[at] = value;
        try {
          parseCsr(broken);
        } catch (err) {
          expect(err).toBeInstanceOf(Error);
        }
      }),
      { seed: 42, numRuns: 2000 },
    );
  });
});

describe('DER', () => {
  it.each(['', '30', '3080', '3084ffffffff', '3003020100ff', '1f01'])('%s is refused', (hex) =>
    expect(() => readChildren(readDer(Buffer.from(hex, 'hex'), 0x30))).toThrow(/malformed/),
  );
  it('goes to PEM and back', () =>
    expect(fromPem('CERTIFICATE', toPem('CERTIFICATE', ca)).equals(ca)).toBe(true));
});
