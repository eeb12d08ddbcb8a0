import type { PodTemplate } from '#proto/schema/generated/core-v1.ts';
import { applyTemplateDefaults } from '#server/registry/core/pod-defaults.ts';
import type { Strategy } from '#server/registry/strategy.ts';
import { validatePodTemplate } from '#server/registry/validation/pod/pod-spec.ts';

export const podTemplate: Strategy<PodTemplate> = {
  applyDefaults: (object) => {
    object.template ??= {};
    applyTemplateDefaults(object.template);
  },
  generation: true,
  validate: (object) => validatePodTemplate(object.template, 'template'),
};
