import type { FieldError } from '#proto/meta/field-error.ts';
import type { PodTemplateSpec } from '#proto/schema/generated/core-v1.ts';
import type { LabelSelector } from '#proto/schema/generated/meta-v1.ts';
import { validateLastingTemplate, validatePodTemplate } from '#server/registry/validation/pod/pod-spec.ts';
import { validateTemplateLabels, validateWorkloadSelector } from '#server/registry/validation/selectors.ts';

/**
 * What Deployments, ReplicaSets, StatefulSets and DaemonSets have in common: a selector, and a template that
 * it selects and that runs for ever. `kind` is written as upstream's sentences write it.
 */
export function validateWorkload(
  spec: { readonly selector?: LabelSelector | undefined; readonly template?: PodTemplateSpec | undefined },
  kind: { readonly inSelector: string; readonly inTemplate: string },
): FieldError[] {
  const path = 'spec.template';
  return [
    ...validateWorkloadSelector(spec.selector, kind.inSelector, 'spec.selector'),
    ...validateTemplateLabels(spec.selector, spec.template?.metadata?.labels, path),
    ...validatePodTemplate(spec.template, path),
    ...validateLastingTemplate(spec.template, kind.inTemplate, path),
  ];
}
