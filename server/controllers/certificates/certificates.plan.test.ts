import { describe, expect, it } from 'vitest';
import type { CertificateSigningRequest } from '#proto/schema/generated/certificates-v1.ts';
import {
  autoApprovals,
  cleanUpAt,
  isToBeSigned,
  type RequestFacts,
  signingProblem,
  validityOf,
} from './certificates.plan.ts';

const HOUR = 3_600_000;
const NOW = Date.UTC(2026, 0, 1);
const node: RequestFacts = {
  commonName: 'system:node:pi',
  organizations: ['system:nodes'],
  alternativeNames: [],
};
const client = ['digital signature', 'client auth'];

const aRequest = (signer: string, usages: string[], status: object = {}): CertificateSigningRequest => ({
  metadata: { name: 'x', creationTimestamp: new Date(NOW).toISOString() },
  spec: { request: '', signerName: `kubernetes.io/${signer}`, usages, username: 'system:node:pi' },
  status,
});

describe('what is signed', () => {
  it.each<[string, string[], Partial<RequestFacts>, string | undefined]>([
    ['kube-apiserver-client', client, { organizations: ['dev'] }, undefined],
    ['kube-apiserver-client', ['server auth'], {}, 'invalid usage for client certificate: server auth'],
    [
      'kube-apiserver-client',
      ['digital signature'],
      {},
      'missing required usage for client certificate: client auth',
    ],
    ['kube-apiserver-client-kubelet', client, {}, undefined],
    ['kube-apiserver-client-kubelet', [...client, 'key encipherment'], {}, undefined],
    [
      'kube-apiserver-client-kubelet',
      [...client, 'any'],
      {},
      'usages did not match [client auth digital signature key encipherment]',
    ],
    [
      'kube-apiserver-client-kubelet',
      client,
      { organizations: ['system:nodes', 'system:masters'] },
      'subject organization is not system:nodes',
    ],
    [
      'kube-apiserver-client-kubelet',
      client,
      { commonName: 'admin' },
      'subject common name does not begin with system:node:',
    ],
    [
      'kube-apiserver-client-kubelet',
      client,
      { alternativeNames: [{ kind: 'dns' }] },
      'DNS subjectAltNames are not allowed',
    ],
    ['kubelet-serving', ['digital signature', 'server auth'], {}, 'DNS or IP subjectAltName is required'],
    [
      'kubelet-serving',
      ['digital signature', 'server auth'],
      { alternativeNames: [{ kind: 'ip' }] },
      undefined,
    ],
  ])('%s of %j with %j: %s', (signer, usages, facts, problem) =>
    expect(signingProblem(aRequest(signer, usages), { ...node, ...facts })).toBe(problem),
  );

  it('is approved, of a signer of this cluster, and not signed yet', () => {
    const approved = { conditions: [{ type: 'Approved', status: 'True' }] };
    expect(isToBeSigned(aRequest('kubelet-serving', [], approved))).toBe(true);
    expect(isToBeSigned(aRequest('kubelet-serving', []))).toBe(false);
    expect(isToBeSigned(aRequest('other', [], approved))).toBe(false);
    expect(isToBeSigned(aRequest('kubelet-serving', [], { ...approved, certificate: 'x' }))).toBe(false);
    const failed = { conditions: [...approved.conditions, { type: 'Failed', status: 'True' }] };
    expect(isToBeSigned(aRequest('kubelet-serving', [], failed))).toBe(false);
  });
});

it('nodes need nobody to approve their client certificates', () => {
  const subresources = (csr: CertificateSigningRequest, facts = node) =>
    autoApprovals(csr, facts).map(({ subresource }) => subresource);
  const own = aRequest('kube-apiserver-client-kubelet', client);
  expect(subresources(own)).toEqual(['selfnodeclient', 'nodeclient']);
  expect(subresources(own, { ...node, commonName: 'system:node:other' })).toEqual(['nodeclient']);
  expect(subresources(own, { ...node, organizations: [] })).toEqual([]);
  expect(subresources(aRequest('kube-apiserver-client', client))).toEqual([]);
});

it.each<[string, number | undefined, number, number]>([
  ['a year where nothing is asked', undefined, -5 / 60, 365 * 24 - 5 / 60],
  ['what is asked for, short', 3600, -5 / 60, 1],
  ['what is asked for, long', 86_400, -5 / 60, 24 - 5 / 60],
  ['ten minutes at least', 60, -5 / 60, 1 / 6],
  ['no longer than the signer', 10 * 365 * 86_400, -5 / 60, 365 * 24 - 5 / 60],
])('certificates hold %s', (_, seconds, from, to) => {
  const { notBeforeMs, notAfterMs } = validityOf(seconds, NOW, NOW + 1e13);
  expect([(notBeforeMs - NOW) / HOUR, (notAfterMs - NOW) / HOUR].map((n) => n.toFixed(6))).toEqual(
    [from, to].map((n) => n.toFixed(6)),
  );
  expect(validityOf(seconds, NOW, NOW + 1000).notAfterMs).toBe(NOW + 1000);
});

it.each<[string, object, number | undefined, number | undefined]>([
  ['nobody decided on', {}, undefined, 24],
  ['that were denied', { conditions: [{ type: 'Denied', status: 'True' }] }, undefined, 1],
  ['that failed', { conditions: [{ type: 'Failed', status: 'True' }] }, undefined, 1],
  ['approved and not issued', { conditions: [{ type: 'Approved', status: 'True' }] }, undefined, 24],
  ['issued', { certificate: 'x', conditions: [{ type: 'Approved', status: 'True' }] }, 100, 1],
  ['issued and over', { certificate: 'x', conditions: [{ type: 'Approved', status: 'True' }] }, 0.5, 0.5],
])('requests %s are deleted in time', (_, status, ends, hours) => {
  const lastUpdateTime = new Date(NOW).toISOString();
  const { conditions = [], ...rest } = status as { conditions?: object[] };
  const stamped = { ...rest, conditions: conditions.map((one) => ({ ...one, lastUpdateTime })) };
  const at = cleanUpAt(aRequest('x', [], stamped), ends === undefined ? undefined : NOW + ends * HOUR);
  expect(at).toBe(hours === undefined ? undefined : NOW + hours * HOUR);
});
