import { type FieldError, invalidValue, required } from '#proto/meta/field-error.ts';
import type { ReplicationController } from '#proto/schema/generated/core-v1.ts';
import { applyTemplateDefaults } from '#server/registry/core/pod-defaults.ts';
import type { Strategy } from '#server/registry/strategy.ts';
import { nonNegative } from '#server/registry/validation/field-checks.ts';
import { validateLastingTemplate, validatePodTemplate } from '#server/registry/validation/pod/pod-spec.ts';

/** ReplicationControllers: a plain map as selector, taken from the template where absent. */
export const replicationController: Strategy<ReplicationController> = {
  applyDefaults: (object) => {
    object.spec ??= {};
    const { spec, metadata } = object;
    spec.replicas ??= 1;
    if (!spec.template) return;
    applyTemplateDefaults(spec.template);
    const labels = spec.template.metadata?.labels;
    if (!labels) return;
    if (Object.keys(spec.selector ?? {}).length === 0) spec.selector = { ...labels };
    if (Object.keys(metadata.labels ?? {}).length === 0) metadata.labels = { ...labels };
  },
  validate: ({ spec }, { subresource }) =>
    subresource === 'status'
      ? []
      : [
          ...nonNegative('spec.minReadySeconds', spec.minReadySeconds),
          ...(Object.keys(spec.selector ?? {}).length === 0 ? [required('spec.selector')] : []),
          ...nonNegative('spec.replicas', spec.replicas),
          ...validateTemplate(spec),
        ],
};

function validateTemplate({ template, selector }: ReplicationController['spec']): FieldError[] {
  const path = 'spec.template';
  if (!template) return [required(path)];
  const labels = template.metadata?.labels ?? {};
  const errors: FieldError[] = [];
  if (Object.entries(selector ?? {}).some(([key, value]) => labels[key] !== value)) {
    const detail = '`selector` does not match template `labels`';
    errors.push(invalidValue(`${path}.metadata.labels`, labels, detail));
  }
  return [
    ...errors,
    ...validatePodTemplate(template, path),
    ...validateLastingTemplate(template, 'ReplicationController', path),
  ];
}
