/** What becomes of CertificateSigningRequests. Rule: upstream's `pkg/controller/certificates`. */
import type { CertificateSigningRequest } from '#proto/schema/generated/certificates-v1.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** How long a request stays after its end, and how long without one. */
const ENDED_MS = HOUR_MS;
const PENDING_MS = 24 * HOUR_MS;
/** Clocks differ: what is signed holds since a little while ago. */
const BACKDATE_MS = 5 * MINUTE_MS;
/** Below this the end isn't moved as well. */
const SHORT_MS = 8 * HOUR_MS;
const MIN_MS = 10 * MINUTE_MS;
const MAX_MS = 365 * 24 * HOUR_MS;

/** What the PKCS #10 request says, as far as decisions look at it. */
export interface RequestFacts {
  readonly commonName: string;
  readonly organizations: readonly string[];
  readonly alternativeNames: readonly { readonly kind: 'email' | 'dns' | 'uri' | 'ip' }[];
}

const KUBELET_CLIENT = 'kubernetes.io/kube-apiserver-client-kubelet';
/** Signers that this cluster has. What they sign is checked against its CA alone. */
const SIGNERS: Readonly<
  Record<string, (facts: RequestFacts, usages: readonly string[]) => string | undefined>
> = {
  'kubernetes.io/kubelet-serving': servingProblem,
  [KUBELET_CLIENT]: kubeletClientProblem,
  'kubernetes.io/kube-apiserver-client': (_, usages) => apiClientProblem(usages),
  'kubernetes.io/legacy-unknown': () => undefined,
};

/** Is it for one of the cluster's signers to sign, and still to be signed? */
export const isToBeSigned = (csr: CertificateSigningRequest): boolean =>
  Object.hasOwn(SIGNERS, csr.spec.signerName) &&
  !csr.status?.certificate &&
  has(csr, 'Approved') &&
  !has(csr, 'Denied') &&
  !has(csr, 'Failed');

export const isUndecided = (csr: CertificateSigningRequest): boolean =>
  !csr.status?.certificate && !has(csr, 'Approved') && !has(csr, 'Denied');

/** Why its signer does not sign this; undefined where it does. */
export const signingProblem = (
  { spec }: CertificateSigningRequest,
  facts: RequestFacts,
): string | undefined => SIGNERS[spec.signerName]?.(facts, spec.usages ?? []);

/**
 * What somebody must be allowed to create so that a node's request for its client certificate is approved without
 * anybody looking; tried in order. Empty for all other requests.
 */
export function autoApprovals(
  { spec }: CertificateSigningRequest,
  facts: RequestFacts,
): { readonly subresource: string; readonly message: string }[] {
  if (spec.signerName !== KUBELET_CLIENT || kubeletClientProblem(facts, spec.usages ?? [])) return [];
  const self = {
    subresource: 'selfnodeclient',
    message: 'Auto approving self kubelet client certificate after SubjectAccessReview.',
  };
  const any = {
    subresource: 'nodeclient',
    message: 'Auto approving kubelet client certificate after SubjectAccessReview.',
  };
  return spec.username === facts.commonName ? [self, any] : [any];
}

/** From when to when a certificate holds that is signed `now` and ends before its signer does; epoch milliseconds. */
export function validityOf(
  expirationSeconds: number | undefined,
  now: number,
  signerEndsMs: number,
): { readonly notBeforeMs: number; readonly notAfterMs: number } {
  const wanted = expirationSeconds === undefined ? MAX_MS : expirationSeconds * 1000;
  const lifetime = Math.min(Math.max(wanted, MIN_MS), MAX_MS);
  const end = now + lifetime - (lifetime < SHORT_MS ? 0 : BACKDATE_MS);
  return { notBeforeMs: now - BACKDATE_MS, notAfterMs: Math.min(end, signerEndsMs) };
}

/** When nobody needs the request any more; epoch milliseconds. `certificateEndsMs`: of what was issued. */
export function cleanUpAt(
  csr: CertificateSigningRequest,
  certificateEndsMs: number | undefined,
): number | undefined {
  const { metadata, status } = csr;
  const conditions = status?.conditions ?? [];
  const isIssued = Boolean(status?.certificate);
  const times: number[] = [];
  if (conditions.length === 0 && metadata.creationTimestamp)
    times.push(Date.parse(metadata.creationTimestamp) + PENDING_MS);
  for (const { type, lastUpdateTime } of conditions) {
    if (type === 'Approved' && isIssued && certificateEndsMs !== undefined) times.push(certificateEndsMs);
    if (!lastUpdateTime) continue;
    const since = Date.parse(lastUpdateTime);
    if (type === 'Approved') times.push(since + (isIssued ? ENDED_MS : PENDING_MS));
    if (type === 'Denied' || type === 'Failed') times.push(since + ENDED_MS);
  }
  return times.length > 0 ? Math.min(...times) : undefined;
}

const has = ({ status }: CertificateSigningRequest, wanted: string): boolean =>
  status?.conditions?.some(({ type, status: value }) => type === wanted && value !== 'False') ?? false;

const isNodes = ({ organizations }: RequestFacts): boolean => organizations.join() === 'system:nodes';

/** Exactly these usages; encryption of keys is for RSA alone. */
function usagesProblem(usages: readonly string[], last: string): string | undefined {
  const given = new Set(usages);
  const needed = ['digital signature', last];
  const allowed = [...needed, 'key encipherment'];
  const good = needed.every((one) => given.has(one)) && [...given].every((one) => allowed.includes(one));
  return good ? undefined : `usages did not match [${allowed.sort().join(' ')}]`;
}

function servingProblem(facts: RequestFacts, usages: readonly string[]): string | undefined {
  const kinds = facts.alternativeNames.map(({ kind }) => kind);
  if (!isNodes(facts)) return 'subject organization is not system:nodes';
  if (!kinds.includes('dns') && !kinds.includes('ip')) return 'DNS or IP subjectAltName is required';
  if (kinds.includes('email')) return 'Email subjectAltNames are not allowed';
  if (kinds.includes('uri')) return 'URI subjectAltNames are not allowed';
  return usagesProblem(usages, 'server auth') ?? nameProblem(facts);
}

function kubeletClientProblem(facts: RequestFacts, usages: readonly string[]): string | undefined {
  const kinds = facts.alternativeNames.map(({ kind }) => kind);
  if (!isNodes(facts)) return 'subject organization is not system:nodes';
  if (kinds.includes('dns')) return 'DNS subjectAltNames are not allowed';
  if (kinds.includes('email')) return 'Email subjectAltNames are not allowed';
  if (kinds.includes('ip')) return 'IP subjectAltNames are not allowed';
  if (kinds.includes('uri')) return 'URI subjectAltNames are not allowed';
  return nameProblem(facts) ?? usagesProblem(usages, 'client auth');
}

const nameProblem = ({ commonName }: RequestFacts): string | undefined =>
  commonName.startsWith('system:node:') ? undefined : 'subject common name does not begin with system:node:';

function apiClientProblem(usages: readonly string[]): string | undefined {
  const odd = usages.find((one) => !['digital signature', 'key encipherment', 'client auth'].includes(one));
  if (odd) return `invalid usage for client certificate: ${odd}`;
  return usages.includes('client auth')
    ? undefined
    : 'missing required usage for client certificate: client auth';
}
