import { X509Certificate } from 'node:crypto';
import { expect, it } from 'vitest';
import { certificatesigningrequests } from '#proto/api/certificates/certificatesigningrequests.ts';
import { isNotFound } from '#proto/meta/status-error.ts';
import { createCa } from '#proto/pki/certificate.ts';
import { createCsr } from '#proto/pki/csr.ts';
import { generateKey } from '#proto/pki/key.ts';
import { toPem } from '#proto/pki/pem.ts';
import { startHarness } from '#server/controllers/testing/harness.ts';
import { createCertificatesController } from './certificates.controller.ts';

const key = generateKey();
const NOW = Date.UTC(2026, 0, 1);
const certificate = createCa({ commonName: 'ca', key, notBeforeMs: 0, notAfterMs: NOW + 1e12 });
const request = (commonName: string, organizations: string[] = []): string =>
  Buffer.from(toPem('CERTIFICATE REQUEST', createCsr(key, { commonName, organizations }))).toString('base64');

it('signs what is approved, says what it does not sign, and forgets both', async () => {
  const harness = await startHarness([
    (context) => createCertificatesController(context, { certificate, key }),
  ]);
  const { client, clock } = harness;
  const make = (name: string, usages: string[], approved: boolean) =>
    client.create(certificatesigningrequests, {
      metadata: { name },
      spec: {
        request: request('jane', ['dev']),
        signerName: 'kubernetes.io/kube-apiserver-client',
        usages,
        expirationSeconds: 3600,
      },
      status: approved ? { conditions: [{ type: 'Approved', status: 'True' }] } : {},
    });
  const get = (name: string) => client.get(certificatesigningrequests, { name });
  await make('good', ['client auth'], true);
  await make('bad', ['server auth'], true);
  await make('waits', ['client auth'], false);
  await harness.settle();

  const pem = Buffer.from((await get('good')).status?.certificate ?? '', 'base64').toString();
  const issued = new X509Certificate(pem);
  expect(issued.subject.split('\n')).toEqual(['O=dev', 'CN=jane']);
  expect(issued.checkIssued(new X509Certificate(certificate))).toBe(true);
  expect(Date.parse(issued.validTo) - clock.now()).toBe(3_600_000);
  expect((await get('bad')).status?.conditions?.at(-1)).toMatchObject({
    type: 'Failed',
    reason: 'SignerValidationFailure',
    message: 'invalid usage for client certificate: server auth',
  });
  expect((await get('waits')).status).toEqual({});

  await clock.advance(24 * 3_600_000 + 1000);
  await harness.settle();
  for (const name of ['bad', 'waits']) await expect(get(name)).rejects.toSatisfy(isNotFound);
  harness.stop();
});
