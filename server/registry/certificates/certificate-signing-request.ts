import { X509Certificate } from 'node:crypto';
import {
  duplicate,
  type FieldError,
  forbiddenField,
  invalidValue,
  notSupported,
  required,
  tooLong,
} from '#proto/meta/field-error.ts';
import { timestamp } from '#proto/meta/timestamp.ts';
import { readCsr } from '#proto/pki/csr.ts';
import { KEY_USAGES } from '#proto/pki/key-usage.ts';
import { pemBlocks } from '#proto/pki/pem.ts';
import type {
  CertificateSigningRequest,
  CertificateSigningRequestCondition,
  CertificateSigningRequestSpec,
} from '#proto/schema/generated/certificates-v1.ts';
import type { Strategy } from '#server/registry/strategy.ts';
import { isSame } from '#server/registry/validation/field-checks.ts';
import { dnsLabelProblems, dnsSubdomainProblems } from '#server/registry/validation/names.ts';

const MIN_SECONDS = 600;
const LEGACY_SIGNER = 'kubernetes.io/legacy-unknown';
const DECISIONS = ['Approved', 'Denied'];
/** Conditions that are there or not, but never false. */
const FINAL = [...DECISIONS, 'Failed'];
const CONDITIONS = 'status.conditions';

type Csr = CertificateSigningRequest;

/**
 * CertificateSigningRequests: a PKCS #10 request that somebody approves and somebody signs, each through a subresource
 * of their own. Rule: upstream's `pkg/registry/certificates` and `pkg/apis/certificates/validation`.
 */
export const certificateSigningRequest: Strategy<Csr> = {
  generation: false,
  nameRule: 'path-segment',
  applyDefaults: (object) => {
    object.spec ??= { request: '', signerName: '' };
  },
  prepareForCreate: (object, { user }) => {
    // Who asks is what the server saw, not what the request says.
    const { request, signerName, expirationSeconds, usages } = object.spec;
    object.spec = {
      request,
      signerName,
      ...(expirationSeconds === undefined ? {} : { expirationSeconds }),
      ...(usages ? { usages } : {}),
      username: user.name,
      ...(user.uid ? { uid: user.uid } : {}),
      groups: [...user.groups],
      ...extraOf(user.extra),
    };
    object.status = {};
  },
  prepareForUpdate: (object, old, { subresource, now }) => {
    object.spec = structuredClone(old.spec);
    if (subresource === undefined) return;
    if (subresource === 'status') for (const type of DECISIONS) keepConditions(object, old, type);
    stampConditions(object, old, timestamp(now));
  },
  // A spec never changes: what is stored was checked when it came.
  validate: (object, { old }) => (old ? [] : validateNew(object)),
  validateUpdate: (object, old, { subresource }) => [
    ...conditionProblems(object, old),
    ...certificateProblems(object, old),
    ...changeProblems(object, old, subresource),
  ],
};

const extraOf = (extra: Readonly<Record<string, readonly string[]>> = {}) =>
  Object.keys(extra).length > 0
    ? { extra: Object.fromEntries(Object.entries(extra).map(([key, values]) => [key, [...values]])) }
    : {};

function validateNew({ spec }: Csr): FieldError[] {
  const errors: FieldError[] = [];
  const problem = requestProblem(spec.request);
  if (problem) errors.push(invalidValue('spec.request', spec.request || null, problem));
  const usages = spec.usages ?? [];
  if (usages.length === 0) errors.push(required('spec.usages'));
  const at = (i: number): string => `spec.usages[${i}]`;
  usages.forEach((usage, i) => {
    if (!KEY_USAGES.includes(usage)) errors.push(notSupported(at(i), usage, KEY_USAGES));
  });
  usages.forEach((usage, i) => {
    if (usages.indexOf(usage) < i) errors.push(duplicate(at(i), usage));
  });
  errors.push(...signerProblems(spec));
  if (spec.expirationSeconds !== undefined && spec.expirationSeconds < MIN_SECONDS)
    errors.push(
      invalidValue(
        'spec.expirationSeconds',
        spec.expirationSeconds,
        `may not specify a duration less than ${MIN_SECONDS} seconds (10 minutes)`,
      ),
    );
  return errors;
}

function requestProblem(request: string | undefined): string | undefined {
  const [block] = pemBlocks(Buffer.from(request ?? '', 'base64').toString('latin1'));
  if (block?.label !== 'CERTIFICATE REQUEST') return 'PEM block type must be CERTIFICATE REQUEST';
  try {
    readCsr(block.der);
    return undefined;
  } catch (err) {
    return err instanceof Error ? err.message : String(err);
  }
}

function signerProblems({ signerName = '' }: CertificateSigningRequestSpec): FieldError[] {
  const at = 'spec.signerName';
  if (signerName === LEGACY_SIGNER)
    return [invalidValue(at, signerName, 'the legacy signerName is not allowed via this API version')];
  if (signerName === '') return [required(at)];
  const [domain = '', path = '', ...more] = signerName.split('/');
  if (!signerName.includes('/') || more.length > 0)
    return [
      invalidValue(
        at,
        signerName,
        "must be a fully qualified domain and path of the form 'example.com/signer-name'",
      ),
    ];
  const errors: FieldError[] = [];
  if (domain.length > 253) errors.push(tooLong(at, 253));
  const labels = domain.split('.');
  errors.push(...labelProblems(at, domain, labels, dnsLabelProblems));
  if (labels.length < 2)
    errors.push(invalidValue(at, domain, 'should be a domain with at least two segments separated by dots'));
  errors.push(...labelProblems(at, path, path.split('.'), dnsSubdomainProblems));
  if (signerName.length > 253 + 1 + 253 + 1 + 63) errors.push(tooLong(at, 253 + 1 + 253 + 1 + 63));
  return errors;
}

/** Of the first label that has any. */
function labelProblems(
  at: string,
  whole: string,
  labels: readonly string[],
  problemsOf: (label: string) => readonly string[],
): FieldError[] {
  const bad = labels.find((label) => problemsOf(label).length > 0);
  if (bad === undefined) return [];
  return problemsOf(bad).map((text) =>
    invalidValue(at, whole, `validating label ${JSON.stringify(bad)}: ${text}`),
  );
}

const conditionsOf = (object: Csr, type?: string): CertificateSigningRequestCondition[] =>
  (object.status?.conditions ?? []).filter((one) => type === undefined || one.type === type);

/** Decisions are the approver's: whoever writes the status leaves them as they are. */
function keepConditions(object: Csr, old: Csr, type: string): void {
  const before = conditionsOf(old, type);
  if (before.length !== conditionsOf(object, type).length) return;
  const conditions = conditionsOf(object);
  let next = 0;
  conditions.forEach((one, i) => {
    if (one.type === type) conditions[i] = structuredClone(before[next++] ?? one);
  });
  if (conditions.length > 0) object.status = { ...object.status, conditions };
}

function stampConditions(object: Csr, old: Csr, now: string): void {
  for (const one of object.status?.conditions ?? []) {
    one.lastUpdateTime ||= now;
    const same = conditionsOf(old, one.type).find((o) => o.status === one.status && o.lastTransitionTime);
    one.lastTransitionTime ||= same?.lastTransitionTime ?? now;
  }
}

function conditionProblems(object: Csr, old: Csr): FieldError[] {
  const isBoth = (csr: Csr): boolean => DECISIONS.every((type) => conditionsOf(csr, type).length > 0);
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  conditionsOf(object).forEach(({ type, status }, i) => {
    const at = `${CONDITIONS}[${i}]`;
    if (!type) errors.push(required(`${at}.type`));
    const allowed = FINAL.includes(type) ? ['True'] : ['True', 'False', 'Unknown'];
    if (!status) errors.push(required(`${at}.status`));
    else if (!allowed.includes(status)) errors.push(notSupported(`${at}.status`, status, allowed));
    const other = DECISIONS[1 - DECISIONS.indexOf(type)];
    if (DECISIONS.includes(type) && other && seen.has(other) && !isBoth(old))
      errors.push(invalidValue(CONDITIONS, type, 'Approved and Denied conditions are mutually exclusive'));
    if (seen.has(type)) errors.push(duplicate(`${at}.type`, type));
    seen.add(type);
  });
  return errors;
}

function certificateProblems({ status }: Csr, old: Csr): FieldError[] {
  const certificate = status?.certificate ?? '';
  if (certificate === (old.status?.certificate ?? '')) return [];
  const problem = certificateProblem(Buffer.from(certificate, 'base64').toString('latin1'));
  return problem ? [invalidValue('status.certificate', '<certificate data>', problem)] : [];
}

function certificateProblem(pem: string): string | undefined {
  if (pem === '') return undefined;
  const blocks = pemBlocks(pem);
  if (blocks.length === 0) return 'must contain at least one CERTIFICATE PEM block';
  for (const { label, der } of blocks) {
    if (label !== 'CERTIFICATE')
      return `only CERTIFICATE PEM blocks are allowed, found ${JSON.stringify(label)}`;
    try {
      new X509Certificate(der);
    } catch (err) {
      return err instanceof Error ? err.message : String(err);
    }
  }
  return undefined;
}

/** What only one of the subresources may change, and what none may. */
function changeProblems(object: Csr, old: Csr, subresource: string | undefined): FieldError[] {
  const errors: FieldError[] = [];
  const refuse = (text: string): void => void errors.push(forbiddenField(CONDITIONS, text));
  for (const type of FINAL) {
    if (conditionsOf(object, type).length < conditionsOf(old, type).length)
      refuse(`updates may not remove a condition of type ${JSON.stringify(type)}`);
  }
  for (const type of subresource === 'approval' ? [] : DECISIONS) {
    const [before, after] = [conditionsOf(old, type), conditionsOf(object, type)];
    if (after.length > before.length)
      refuse(`updates may not add a condition of type ${JSON.stringify(type)}`);
    else if (after.length === before.length && !isSame(before, after))
      refuse(`updates may not modify a condition of type ${JSON.stringify(type)}`);
  }
  const before = old.status?.certificate ?? '';
  if ((object.status?.certificate ?? '') === before) return errors;
  if (subresource !== 'status')
    errors.push(forbiddenField('status.certificate', 'updates may not set certificate content'));
  else if (before !== '')
    errors.push(forbiddenField('status.certificate', 'updates may not modify existing certificate content'));
  return errors;
}
