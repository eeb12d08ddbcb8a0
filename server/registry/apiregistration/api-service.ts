import { type FieldError, invalidValue, notSupported, required } from '#proto/meta/field-error.ts';
import { timestamp } from '#proto/meta/timestamp.ts';
import type { APIService, APIServiceSpec } from '#proto/schema/generated/apiregistration-v1.ts';
import type { Strategy } from '#server/registry/strategy.ts';
import { eachAt, problemsAt } from '#server/registry/validation/field-checks.ts';
import { between, dns1035LabelProblems, dnsSubdomainProblems } from '#server/registry/validation/names.ts';

/** Of what is served here. */
export const LOCAL = {
  status: 'True',
  reason: 'Local',
  message: 'Local APIServices are always available',
} as const;

const STATUSES = ['True', 'False', 'Unknown'];

export const apiService: Strategy<APIService> = {
  generation: false,
  // Its name ends with a dot where its group is the core.
  nameRule: 'path-segment',
  applyDefaults: ({ spec }) => {
    if (spec?.service) spec.service.port ??= 443;
  },
  prepareForCreate: (service, { now }) => {
    const local = { type: 'Available', ...LOCAL, lastTransitionTime: timestamp(now) };
    service.status = service.spec?.service ? {} : { conditions: [local] };
  },
  validate: ({ metadata, spec, status }, { subresource }) => {
    if (subresource === 'status')
      return eachAt(status?.conditions, 'status.conditions', (condition, at) =>
        STATUSES.includes(condition.status) ? [] : [notSupported(`${at}.status`, condition.status, STATUSES)],
      );
    if (!spec) return [required('spec')];
    const wanted = `${spec.version}.${spec.group ?? ''}`;
    const detail = `must be \`spec.version+"."+spec.group\`: ${JSON.stringify(wanted)}`;
    const name = metadata.name ?? '';
    return [...(name === wanted ? [] : [invalidValue('metadata.name', name, detail)]), ...validateSpec(spec)];
  },
};

/** Rule: `ValidateAPIService` of kube-aggregator. */
function validateSpec(spec: APIServiceSpec): FieldError[] {
  const { group, version = '', service, caBundle, insecureSkipTLSVerify } = spec;
  const errors: FieldError[] = [];
  if (!group && version !== 'v1') {
    const detail = 'only v1 may have an empty group and it better be legacy kube';
    errors.push(required('spec.group', detail));
  }
  if (group) errors.push(...problemsAt('spec.group', group, dnsSubdomainProblems(group)));
  errors.push(...problemsAt('spec.version', version, dns1035LabelProblems(version)));
  for (const [field, highest] of [
    ['groupPriorityMinimum', 20_000],
    ['versionPriority', 1000],
  ] as const) {
    if (spec[field] > 0 && spec[field] <= highest) continue;
    errors.push(invalidValue(`spec.${field}`, spec[field] ?? 0, `must be positive and less than ${highest}`));
  }
  if (!service) {
    if (caBundle) {
      const bytes = `${Buffer.byteLength(caBundle, 'base64')} bytes`;
      errors.push(invalidValue('spec.caBundle', bytes, 'local APIServices may not have a caBundle'));
    }
    if (insecureSkipTLSVerify) {
      const detail = 'local APIServices may not have insecureSkipTLSVerify';
      errors.push(invalidValue('spec.insecureSkipTLSVerify', true, detail));
    }
    return errors;
  }
  const { namespace, name, port = 443 } = service;
  if (!namespace) errors.push(required('spec.service.namespace'));
  if (!name) errors.push(required('spec.service.name'));
  if (!(port >= 1 && port <= 65535))
    errors.push(invalidValue('spec.service.port', port, `port is not valid: ${between(1, 65535)}`));
  if (insecureSkipTLSVerify && caBundle) {
    const detail = 'may not be true if caBundle is present';
    errors.push(invalidValue('spec.insecureSkipTLSVerify', true, detail));
  }
  return errors;
}
