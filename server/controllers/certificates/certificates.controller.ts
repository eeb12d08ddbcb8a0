import { X509Certificate } from 'node:crypto';
import { subjectaccessreviews } from '#proto/api/authorization/subjectaccessreviews.ts';
import { certificatesigningrequests } from '#proto/api/certificates/certificatesigningrequests.ts';
import { isConflict, isNotFound } from '#proto/meta/status-error.ts';
import { timestamp } from '#proto/meta/timestamp.ts';
import { type Issuer, issueCertificate } from '#proto/pki/certificate.ts';
import { type FullCsr, readCsr } from '#proto/pki/csr.ts';
import { fromPem, pemBlocks, toPem } from '#proto/pki/pem.ts';
import type {
  CertificateSigningRequest,
  CertificateSigningRequestCondition,
} from '#proto/schema/generated/certificates-v1.ts';
import { EARLIEST_NOW } from '#proto/time/board-time.plan.ts';
import {
  autoApprovals,
  cleanUpAt,
  isToBeSigned,
  isUndecided,
  type RequestFacts,
  signingProblem,
  validityOf,
} from '#server/controllers/certificates/certificates.plan.ts';
import type { Controller, ControllerContext } from '#server/controllers/context.ts';
import { createQueue } from '#server/controllers/context.ts';

/**
 * Approves what nodes ask for themselves, signs what is approved with the cluster's CA, and deletes requests that nobody
 * needs any more. Keys are requests.
 */
export function createCertificatesController(context: ControllerContext, issuer: Issuer): Controller {
  const { client, clock, informers } = context;
  const all = informers.for(certificatesigningrequests);
  const signerEndsMs = Date.parse(new X509Certificate(issuer.certificate).validTo);

  const queue = createQueue(context, 'certificates', async (key) => {
    const csr = all.get(key);
    if (!csr || csr.metadata.deletionTimestamp) return undefined;
    try {
      if (isUndecided(csr)) await approve(csr);
      else if (isToBeSigned(csr)) await sign(csr);
      return await cleanUp(csr);
    } catch (err) {
      // Somebody came between: the change will come here, too.
      if (isConflict(err) || isNotFound(err)) return undefined;
      throw err;
    }
  });

  async function approve(csr: CertificateSigningRequest): Promise<void> {
    for (const { subresource, message } of autoApprovals(csr, factsOf(requestOf(csr)))) {
      if (!(await mayCreate(csr, subresource))) continue;
      const condition = { type: 'Approved', status: 'True', reason: 'AutoApproved', message };
      await client.update(certificatesigningrequests, withCondition(csr, condition), {
        subresource: 'approval',
      });
      return;
    }
  }

  async function mayCreate({ spec }: CertificateSigningRequest, subresource: string): Promise<boolean> {
    const { username, uid, groups, extra } = spec;
    const resourceAttributes = {
      group: 'certificates.k8s.io',
      resource: 'certificatesigningrequests',
      verb: 'create',
      subresource,
      version: '*',
    };
    const review = await client.create(subjectaccessreviews, {
      metadata: {},
      spec: {
        ...(username ? { user: username } : {}),
        ...(uid ? { uid } : {}),
        ...(groups ? { groups } : {}),
        ...(extra ? { extra } : {}),
        resourceAttributes,
      },
    });
    return review.status?.allowed ?? false;
  }

  async function sign(csr: CertificateSigningRequest): Promise<void> {
    const request = requestOf(csr);
    const now = Math.max(clock.now(), EARLIEST_NOW);
    const problem = signingProblem(csr, factsOf(request));
    if (problem !== undefined) {
      const condition = {
        type: 'Failed',
        status: 'True',
        reason: 'SignerValidationFailure',
        message: problem,
        lastUpdateTime: timestamp(now),
      };
      await client.update(certificatesigningrequests, withCondition(csr, condition), {
        subresource: 'status',
      });
      return;
    }
    const der = issueCertificate(issuer, {
      subject: request.subjectDer,
      spki: request.spki,
      ...validityOf(csr.spec.expirationSeconds, now, signerEndsMs),
      usages: csr.spec.usages ?? [],
      alternativeNames: request.alternativeNames,
    });
    const certificate = Buffer.from(toPem('CERTIFICATE', der)).toString('base64');
    await client.update(
      certificatesigningrequests,
      { ...csr, status: { ...csr.status, certificate } },
      { subresource: 'status' },
    );
  }

  async function cleanUp(csr: CertificateSigningRequest): Promise<{ requeueAfterMs: number } | undefined> {
    const due = cleanUpAt(csr, endOf(csr.status?.certificate));
    if (due === undefined) return undefined;
    const left = due - clock.now();
    if (left > 0) return { requeueAfterMs: left };
    const { name = '', uid = '' } = csr.metadata;
    await client.delete(certificatesigningrequests, { name }, { preconditions: { uid } });
    return undefined;
  }

  all.onChange((type, { metadata }) => {
    if (type !== 'DELETED' && metadata.name) queue.add(metadata.name);
  });
  return { start: (signal) => queue.start(signal) };
}

const text = (base64: string): string => Buffer.from(base64, 'base64').toString('latin1');

const requestOf = ({ spec }: CertificateSigningRequest): FullCsr =>
  readCsr(fromPem('CERTIFICATE REQUEST', text(spec.request)));

const factsOf = ({ subject, alternativeNames }: FullCsr): RequestFacts => ({ ...subject, alternativeNames });

const withCondition = (
  csr: CertificateSigningRequest,
  condition: CertificateSigningRequestCondition,
): CertificateSigningRequest => ({
  ...csr,
  status: { ...csr.status, conditions: [...(csr.status?.conditions ?? []), condition] },
});

/** Epoch milliseconds; undefined where there is no certificate that can be read. */
function endOf(certificate: string | undefined): number | undefined {
  const [block] = certificate ? pemBlocks(text(certificate)) : [];
  if (!block) return undefined;
  try {
    return Date.parse(new X509Certificate(block.der).validTo);
  } catch {
    return undefined;
  }
}
