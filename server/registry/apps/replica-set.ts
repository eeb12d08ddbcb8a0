import type { ReplicaSet } from '#proto/schema/generated/apps-v1.ts';
import { validateWorkload } from '#server/registry/apps/workload.ts';
import { applyTemplateDefaults } from '#server/registry/core/pod-defaults.ts';
import type { Strategy } from '#server/registry/strategy.ts';
import { immutable, nonNegative } from '#server/registry/validation/field-checks.ts';

export const replicaSet: Strategy<ReplicaSet> = {
  applyDefaults: (object) => {
    object.spec ??= {};
    object.spec.replicas ??= 1;
    object.spec.template ??= {};
    applyTemplateDefaults(object.spec.template);
  },
  validate: ({ spec }, { subresource }) =>
    subresource === 'status'
      ? []
      : [
          ...nonNegative('spec.replicas', spec.replicas),
          ...nonNegative('spec.minReadySeconds', spec.minReadySeconds),
          // Upstream's sentence says deployment here too.
          ...validateWorkload(spec, { inSelector: 'deployment', inTemplate: 'ReplicaSet' }),
        ],
  validateUpdate: (object, old, { subresource }) =>
    subresource ? [] : immutable('spec.selector', object.spec.selector, old.spec.selector),
};
