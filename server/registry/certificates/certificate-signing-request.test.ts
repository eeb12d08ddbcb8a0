import { describe, expect, it } from 'vitest';
import { createCsr } from '#proto/pki/csr.ts';
import { generateKey } from '#proto/pki/key.ts';
import { toPem } from '#proto/pki/pem.ts';
import type {
  CertificateSigningRequest,
  CertificateSigningRequestSpec,
} from '#proto/schema/generated/certificates-v1.ts';
import { aContext, created, createProblems, updateProblems } from '#server/registry/registry.case.ts';
import { certificateSigningRequest as strategy } from './certificate-signing-request.ts';

const request = Buffer.from(
  toPem('CERTIFICATE REQUEST', createCsr(generateKey(), { commonName: 'jane' })),
).toString('base64');
const aRequest = (spec: Partial<CertificateSigningRequestSpec> = {}): CertificateSigningRequest => ({
  metadata: { name: 'x' },
  spec: { request, signerName: 'kubernetes.io/kube-apiserver-client', usages: ['client auth'], ...spec },
});
const approved = { type: 'Approved', status: 'True', lastUpdateTime: '2025-01-01T00:00:00Z' };

it('says who asks, whatever the request says', () => {
  const csr = structuredClone(aRequest({ username: 'root', groups: ['system:masters'] }));
  strategy.prepareForCreate?.(
    csr,
    aContext({ user: { name: 'jane', uid: '7', groups: ['dev'], extra: { a: ['b'] } } }),
  );
  expect(csr.spec).toMatchObject({ username: 'jane', uid: '7', groups: ['dev'], extra: { a: ['b'] } });
});

// The sentences are those of kube-apiserver 1.36.3.
it.each<[Partial<CertificateSigningRequestSpec>, string[]]>([
  [{}, []],
  [{ request: 'YWJj' }, ['spec.request: Invalid value: "YWJj": PEM block type must be CERTIFICATE REQUEST']],
  [{ usages: [] }, ['spec.usages: Required value']],
  [{ usages: ['client auth', 'client auth'] }, ['spec.usages[1]: Duplicate value: "client auth"']],
  [
    { signerName: 'foo' },
    [
      'spec.signerName: Invalid value: "foo": must be a fully qualified domain and path of the form \'example.com/signer-name\'',
    ],
  ],
  [
    { signerName: 'example/x' },
    [
      'spec.signerName: Invalid value: "example": should be a domain with at least two segments separated by dots',
    ],
  ],
  [
    { signerName: 'kubernetes.io/legacy-unknown' },
    [
      'spec.signerName: Invalid value: "kubernetes.io/legacy-unknown": the legacy signerName is not allowed via this API version',
    ],
  ],
  [
    { expirationSeconds: 5 },
    [
      'spec.expirationSeconds: Invalid value: 5: may not specify a duration less than 600 seconds (10 minutes)',
    ],
  ],
])('%j is answered with %j', (spec, problems) =>
  expect(createProblems(strategy, aRequest(spec))).toEqual(problems),
);

describe('what may change', () => {
  it('is nothing of the spec, and the time of a condition is the server’s', () => {
    const old = created(strategy, aRequest());
    const next = structuredClone(old);
    next.spec.usages = ['server auth'];
    next.status = { conditions: [{ type: 'Approved', status: 'True' }] };
    strategy.prepareForUpdate?.(next, old, aContext({ subresource: 'approval' }));
    expect(next.spec.usages).toEqual(['client auth']);
    expect(next.status?.conditions?.[0]).toMatchObject({
      lastUpdateTime: '2026-01-01T00:00:00Z',
      lastTransitionTime: '2026-01-01T00:00:00Z',
    });
  });

  it.each<[string, CertificateSigningRequest['status'], CertificateSigningRequest['status'], string[]]>([
    [
      'status',
      {},
      { conditions: [approved] },
      ['status.conditions: Forbidden: updates may not add a condition of type "Approved"'],
    ],
    ['approval', {}, { conditions: [approved] }, []],
    [
      'approval',
      { conditions: [approved] },
      {},
      ['status.conditions: Forbidden: updates may not remove a condition of type "Approved"'],
    ],
    [
      'approval',
      {},
      { conditions: [approved, { type: 'Denied', status: 'True' }] },
      ['status.conditions: Invalid value: "Denied": Approved and Denied conditions are mutually exclusive'],
    ],
    [
      'approval',
      {},
      {
        conditions: [
          { type: 'Approved', status: 'False' },
          { type: 'x', status: '' },
        ],
      },
      [
        'status.conditions[0].status: Unsupported value: "False": supported values: "True"',
        'status.conditions[1].status: Required value',
      ],
    ],
    [
      'status',
      {},
      { certificate: 'YWJj' },
      [
        'status.certificate: Invalid value: "<certificate data>": must contain at least one CERTIFICATE PEM block',
      ],
    ],
    [
      'status',
      { certificate: 'YWJj' },
      { certificate: '' },
      ['status.certificate: Forbidden: updates may not modify existing certificate content'],
    ],
  ])('by %s: from %j to %j: %j', (subresource, before, after, problems) => {
    const old = { ...aRequest(), status: before };
    const errors = strategy.validateUpdate?.({ ...old, status: after }, old, aContext({ subresource })) ?? [];
    expect(errors.map(({ field, message }) => `${field}: ${message}`)).toEqual(problems);
  });
});

it('an ordinary update changes labels and nothing else', () => {
  const problems = updateProblems(strategy, aRequest(), (csr) => {
    csr.metadata.labels = { a: 'b' };
  });
  expect(problems).toEqual([]);
});
