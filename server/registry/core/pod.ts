import { forbiddenField } from '#proto/meta/field-error.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import { applyPodOnlyDefaults, applyPodSpecDefaults } from '#server/registry/core/pod-defaults.ts';
import { applyLabelKeys } from '#server/registry/core/pod-label-keys.ts';
import { qosClassOf } from '#server/registry/core/pod-qos.ts';
import { validatePodResize } from '#server/registry/core/pod-resize.ts';
import { validateEphemeralUpdate, validatePodUpdate } from '#server/registry/core/pod-update.ts';
import type { Strategy } from '#server/registry/strategy.ts';
import { validatePodSpec } from '#server/registry/validation/pod/pod-spec.ts';

/** Pods. Rule: upstream's `pkg/registry/core/pod/strategy.go`. */
export const pod: Strategy<Pod> = {
  generation: true,
  applyDefaults: (object) => {
    object.spec ??= { containers: [] };
    applyPodSpecDefaults(object.spec);
    applyPodOnlyDefaults(object.spec);
  },
  prepareForCreate: (object) => {
    applyLabelKeys(object);
    object.status = { phase: 'Pending', qosClass: qosClassOf(object.spec) };
    // What waits at a gate says so, so that nobody looks for a reason elsewhere.
    if (object.spec.schedulingGates?.length) {
      const message = 'Scheduling is blocked due to non-empty scheduling gates';
      object.status.conditions = [
        { type: 'PodScheduled', status: 'False', reason: 'SchedulingGated', message },
      ];
    }
  },
  prepareForUpdate: (object, old, { subresource }) => {
    if (subresource === undefined && object.status) object.status.qosClass = old.status?.qosClass;
  },
  validate: (object, { subresource, old }) => {
    if (subresource === 'status') return [];
    const errors = validatePodSpec(object.spec, 'spec', true);
    if (!old && !subresource && object.spec.ephemeralContainers?.length)
      errors.push(forbiddenField('spec.ephemeralContainers', 'cannot be set on create'));
    if (object.spec.serviceAccountName) return errors;
    for (const [v, volume] of (object.spec.volumes ?? []).entries()) {
      for (const [s, source] of (volume.projected?.sources ?? []).entries()) {
        if (!source.serviceAccountToken) continue;
        const path = `spec.volumes[${v}].projected.sources[${s}].serviceAccountToken`;
        errors.push(forbiddenField(path, 'must not be specified when serviceAccountName is not set'));
      }
    }
    return errors;
  },
  validateUpdate: (object, old, { subresource }) => {
    switch (subresource) {
      case undefined:
        return validatePodUpdate(object, old);
      case 'ephemeralcontainers':
        return validateEphemeralUpdate(object, old);
      case 'resize':
        return validatePodResize(object, old);
      default:
        return [];
    }
  },
  defaultGraceSeconds: (object) => {
    // Nobody has to be waited for where nothing runs.
    if (!object.spec.nodeName) return 0;
    const { phase } = object.status ?? {};
    if (phase === 'Succeeded' || phase === 'Failed') return 0;
    return object.spec.terminationGracePeriodSeconds ?? 30;
  },
};
