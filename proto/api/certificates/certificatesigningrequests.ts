import { AGE, humanDuration, NAME, NONE, text } from '#proto/api/columns.ts';
import { defineResource, part, statusOf } from '#proto/api/define.ts';
import type { CertificateSigningRequest } from '#proto/schema/generated/certificates-v1.ts';

function condition(csr: CertificateSigningRequest): string {
  const types = new Set((csr.status?.conditions ?? []).map((c) => c.type));
  const words = types.has('Denied') ? ['Denied'] : types.has('Approved') ? ['Approved'] : ['Pending'];
  if (types.has('Failed')) words.push('Failed');
  if (csr.status?.certificate) words.push('Issued');
  return words.join(',');
}

export const certificatesigningrequests = defineResource<CertificateSigningRequest>({
  group: 'certificates.k8s.io',
  version: 'v1',
  plural: 'certificatesigningrequests',
  kind: 'CertificateSigningRequest',
  namespaced: false,
  shortNames: ['csr'],
  subresources: [part('approval', 'CertificateSigningRequest'), statusOf('CertificateSigningRequest')],
  columns: [
    NAME,
    AGE,
    text('SignerName', (c) => c.spec.signerName || NONE),
    text('Requestor', (c) => c.spec.username ?? ''),
    text('RequestedDuration', (c) =>
      c.spec.expirationSeconds ? humanDuration(c.spec.expirationSeconds * 1000) : NONE,
    ),
    text('Condition', condition),
  ],
  selectableFields: { 'spec.signerName': (c) => c.spec.signerName },
});
