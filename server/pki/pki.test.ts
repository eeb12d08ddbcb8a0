import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { writeKubeconfig } from './kubeconfig.ts';
import { openPki, type PkiOptions } from './pki.ts';

const NOW = Date.UTC(2026, 5, 1);
const DAY = 86_400_000;
const options: PkiOptions = {
  clusterDomain: 'cluster.local',
  serviceIp: '10.43.0.1',
  advertiseAddress: '192.168.1.2',
  tlsSans: ['pi.example.org', 'fd00::2'],
  nodeName: 'pi',
  now: () => NOW,
};
let directory: string;
beforeEach(() => {
  directory = join(mkdtempSync(join(tmpdir(), 'coracle-pki-')), 'pki');
});

describe('openPki', () => {
  it('makes everything once, for its owner alone', () => {
    const first = openPki(directory, options);
    expect(openPki(directory, options)).toMatchObject({
      caHash: first.caHash,
      serving: first.serving,
      admin: first.admin,
      joinToken: first.joinToken,
    });
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    for (const file of readdirSync(directory))
      expect(statSync(join(directory, file)).mode & 0o777).toBe(0o600);
    expect(first.joinToken).toMatch(/^[a-z0-9]{6}\.[a-z0-9]{16}$/);
  });

  it('names the server by all that clients call it', () => {
    const { serving, ca, admin } = openPki(directory, options);
    const certificate = new X509Certificate(serving.cert);
    for (const name of ['kubernetes.default.svc.cluster.local', 'localhost', 'pi', 'pi.example.org'])
      expect(certificate.checkHost(name)).toBe(name);
    for (const ip of ['10.43.0.1', '192.168.1.2', 'fd00::2', '127.0.0.1'])
      expect(certificate.checkIP(ip)).toBe(ip);
    expect(certificate.verify(new X509Certificate(ca.cert).publicKey)).toBe(true);
    expect(new X509Certificate(admin.cert).subject).toBe('O=system:masters\nCN=kubernetes-admin');
  });

  it.each<[string, Partial<PkiOptions>, boolean]>([
    ['after 300 days', { now: () => NOW + 300 * DAY }, false],
    ['after 340 days', { now: () => NOW + 340 * DAY }, true],
    ['after the address changed', { advertiseAddress: '192.168.1.3' }, true],
    ['after a name went away', { tlsSans: ['fd00::2'] }, true],
  ])('%s renews the serving certificate: %s', (_, change, renewed) => {
    const before = openPki(directory, options);
    const after = openPki(directory, { ...options, ...change });
    expect(after.serving.cert !== before.serving.cert).toBe(renewed);
    expect(after.serving.key).toBe(before.serving.key);
    expect(after.caHash).toBe(before.caHash);
  });

  it('issues what still holds when the clock of the board began in 1970', () => {
    const certificate = new X509Certificate(
      openPki(directory, { ...options, now: () => 5_000 }).serving.cert,
    );
    expect(Date.parse(certificate.validFrom)).toBeLessThanOrEqual(5_000);
    expect(Date.parse(certificate.validTo)).toBeGreaterThan(Date.UTC(2026, 11, 1));
  });

  it('repairs a leaf but never replaces the key of the CA', () => {
    const before = openPki(directory, options);
    writeFileSync(join(directory, 'server.crt'), 'half a certif');
    expect(openPki(directory, options).caHash).toBe(before.caHash);
    writeFileSync(join(directory, 'ca.key'), '');
    expect(() => openPki(directory, options)).toThrow(/ca\.key is damaged/);
    rmSync(join(directory, 'ca.key'));
    expect(() => openPki(directory, options)).toThrow(/ca\.key is missing/);
  });
});

it('writes a kubeconfig that a YAML reader and the owner can read', () => {
  const pki = openPki(directory, options);
  const path = join(directory, 'kubeconfig.yaml');
  writeKubeconfig(path, { server: 'https://192.168.1.2:6443', ca: pki.ca.cert, ...pki.admin });
  const config = parse(readFileSync(path, 'utf8'));
  expect(config.clusters[0].cluster.server).toBe('https://192.168.1.2:6443');
  expect(Buffer.from(config.users[0].user['client-key-data'], 'base64').toString()).toBe(pki.admin.key);
  expect(statSync(path).mode & 0o777).toBe(0o600);
});
