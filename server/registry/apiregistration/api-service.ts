import { type FieldError, invalidValue, required } from '#proto/meta/field-error.ts';
import type { APIService } from '#proto/schema/generated/apiregistration-v1.ts';
import type { Strategy } from '#server/registry/strategy.ts';
import { named } from '#server/registry/validation/field-checks.ts';
import { dns1035LabelProblems } from '#server/registry/validation/names.ts';

export const apiService: Strategy<APIService> = {
  generation: false,
  applyDefaults: ({ spec }) => {
    if (spec?.service) spec.service.port ??= 443;
  },
  validate: ({ metadata, spec }) => {
    const errors: FieldError[] = [];
    if (metadata.name !== `${spec?.version}.${spec?.group ?? ''}`) {
      const detail = 'must be `spec.version+"."+spec.group`';
      errors.push(invalidValue('metadata.name', metadata.name ?? '', detail));
    }
    if (!spec) return [...errors, required('spec')];
    errors.push(...named('spec.version', spec.version, dns1035LabelProblems));
    for (const [field, highest] of [
      ['groupPriorityMinimum', 20_000],
      ['versionPriority', 1000],
    ] as const) {
      if (!(spec[field] > 0 && spec[field] <= highest)) {
        const detail = `must be positive and less than ${highest}`;
        errors.push(invalidValue(`spec.${field}`, spec[field] ?? 0, detail));
      }
    }
    if (!spec.service) return errors;
    if (!spec.service.namespace) errors.push(required('spec.service.namespace'));
    if (!spec.service.name) errors.push(required('spec.service.name'));
    if (spec.insecureSkipTLSVerify && spec.caBundle) {
      const detail = 'may not be true if caBundle is present';
      errors.push(invalidValue('spec.insecureSkipTLSVerify', true, detail));
    }
    return errors;
  },
};
