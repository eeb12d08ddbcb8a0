import { certificatesigningrequests } from '#proto/api/certificates/certificatesigningrequests.ts';
import { readCsr } from '#proto/pki/csr.ts';
import { fromPem } from '#proto/pki/pem.ts';
import type { CertificateSigningRequest } from '#proto/schema/generated/certificates-v1.ts';
import type { AdmissionAttributes, AdmissionPlugin } from '#server/apiserver/admission/admission.ts';
import { isAbout, refused } from '#server/apiserver/admission/refuse.ts';
import type { Authorizer } from '#server/apiserver/authz/authorizer.ts';

const API_CLIENT = 'kubernetes.io/kube-apiserver-client';

/** May the user do this with requests for the signer, by its name or by its whole domain? */
async function maySigner(
  authorizer: Authorizer,
  { user }: AdmissionAttributes,
  verb: string,
  signerName: string,
): Promise<boolean> {
  for (const name of [signerName, `${signerName.split('/')[0]}/*`]) {
    const decision = await authorizer.authorize({
      kind: 'resource',
      user,
      verb,
      group: 'certificates.k8s.io',
      version: '*',
      resource: 'signers',
      name,
    });
    if (decision.allowed) return true;
  }
  return false;
}

const isPart = ({ resource, subresource, operation }: AdmissionAttributes, part: string): boolean =>
  operation === 'UPDATE' &&
  subresource === part &&
  resource.group === certificatesigningrequests.group &&
  resource.plural === certificatesigningrequests.plural;

/** Who approves requests must be allowed to `approve` for their signer. Rule: upstream's `CertificateApproval`. */
const approval = (authorizer: Authorizer): AdmissionPlugin => ({
  name: 'CertificateApproval',
  async validate(attributes) {
    if (!isPart(attributes, 'approval')) return;
    const { signerName } = (attributes.oldObject as CertificateSigningRequest).spec;
    if (await maySigner(authorizer, attributes, 'approve', signerName)) return;
    throw refused(
      attributes,
      `user not permitted to approve requests with signerName ${JSON.stringify(signerName)}`,
    );
  },
});

/** Who signs them must be allowed to `sign`. Rule: upstream's `CertificateSigning`. */
const signing = (authorizer: Authorizer): AdmissionPlugin => ({
  name: 'CertificateSigning',
  async validate(attributes) {
    if (!isPart(attributes, 'status')) return;
    const old = attributes.oldObject as CertificateSigningRequest;
    const next = attributes.object as CertificateSigningRequest;
    const signed = ({ status }: CertificateSigningRequest): string =>
      JSON.stringify([status?.certificate ?? '', status?.conditions ?? []]);
    if (signed(old) === signed(next)) return;
    const { signerName } = old.spec;
    if (await maySigner(authorizer, attributes, 'sign', signerName)) return;
    throw refused(
      attributes,
      `user not permitted to sign requests with signerName ${JSON.stringify(signerName)}`,
    );
  },
});

/** Nobody becomes `system:masters`, whom no role binds, by a request. Rule: upstream's `CertificateSubjectRestriction`. */
const subjectRestriction: AdmissionPlugin = {
  name: 'CertificateSubjectRestriction',
  validate(attributes) {
    if (!isAbout(attributes, certificatesigningrequests) || attributes.operation !== 'CREATE') return;
    const { spec } = attributes.object as CertificateSigningRequest;
    if (spec.signerName !== API_CLIENT) return;
    let organizations: readonly string[];
    try {
      const pem = Buffer.from(spec.request, 'base64').toString('latin1');
      organizations = readCsr(fromPem('CERTIFICATE REQUEST', pem)).subject.organizations;
    } catch (err) {
      throw refused(attributes, `failed to parse CSR: ${err instanceof Error ? err.message : err}`);
    }
    if (organizations.includes('system:masters'))
      throw refused(attributes, `use of ${API_CLIENT} signer with system:masters group is not allowed`);
  },
};

/** What guards CertificateSigningRequests. */
export const certificateAdmission = (authorizer: Authorizer): AdmissionPlugin[] => [
  approval(authorizer),
  signing(authorizer),
  subjectRestriction,
];
