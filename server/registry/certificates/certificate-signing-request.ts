import { type FieldError, invalidValue, required } from '#proto/meta/field-error.ts';
import type {
  CertificateSigningRequest,
  CertificateSigningRequestSpec,
} from '#proto/schema/generated/certificates-v1.ts';
import type { Strategy } from '#server/registry/strategy.ts';
import { immutable } from '#server/registry/validation/field-checks.ts';
import { dnsSubdomainProblems } from '#server/registry/validation/names.ts';

const MIN_SECONDS = 600;
const PEM =
  /^\s*-----BEGIN (NEW )?CERTIFICATE REQUEST-----[\s\S]+-----END (NEW )?CERTIFICATE REQUEST-----\s*$/;

/** CertificateSigningRequests: a PKCS #10 request that somebody approves. */
export const certificateSigningRequest: Strategy<CertificateSigningRequest> = {
  generation: false,
  nameRule: 'path-segment',
  applyDefaults: (object) => {
    object.spec ??= { request: '', signerName: '' };
  },
  prepareForCreate: (object, { userName }) => {
    // Who asks is what the server saw, not what the request says.
    object.spec.username = userName;
    for (const field of ['uid', 'groups', 'extra'] as const) delete object.spec[field];
  },
  validate: ({ spec }) => validateSpec(spec),
  validateUpdate: (object, old) => immutable('spec', object.spec, old.spec),
};

function validateSpec(spec: CertificateSigningRequestSpec): FieldError[] {
  const errors: FieldError[] = [];
  if (!PEM.test(Buffer.from(spec.request ?? '', 'base64').toString())) {
    const detail = 'PEM block type must be CERTIFICATE REQUEST';
    errors.push(invalidValue('spec.request', spec.request ?? '', detail));
  }
  if (!spec.usages?.length) errors.push(required('spec.usages', 'usages must be provided'));
  const { signerName, expirationSeconds } = spec;
  if (!signerName) errors.push(required('spec.signerName'));
  else {
    const [domain = '', path] = signerName.split(/\/(.*)/s);
    if (!path) {
      const detail = 'must be a fully qualified domain and path of the form "example.com/signer-name"';
      errors.push(invalidValue('spec.signerName', signerName, detail));
    } else if (dnsSubdomainProblems(domain).length > 0 || !domain.includes('.')) {
      const detail = 'should be a domain with at least two segments separated by dots';
      errors.push(invalidValue('spec.signerName', signerName, detail));
    }
  }
  if (expirationSeconds !== undefined && expirationSeconds < MIN_SECONDS) {
    const detail = `may not specify a duration less than ${MIN_SECONDS} seconds (10 minutes)`;
    errors.push(invalidValue('spec.expirationSeconds', expirationSeconds, detail));
  }
  return errors;
}
