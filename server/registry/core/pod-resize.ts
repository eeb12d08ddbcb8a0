import { type FieldError, forbiddenField, invalidValue } from '#proto/meta/field-error.ts';
import type { Container, Pod, ResourceList, ResourceRequirements } from '#proto/schema/generated/core-v1.ts';
import { qosClassOf } from '#server/registry/core/pod-qos.ts';
import { isSame } from '#server/registry/validation/field-checks.ts';

const MIRROR = 'kubernetes.io/config.mirror';

/**
 * The resize subresource: only cpu and memory of containers may differ, and none of them may go away.
 * Rule: upstream's `ValidatePodResize`. Resources of the Pod as a whole are not resized in place.
 */
export function validatePodResize(pod: Pod, old: Pod): FieldError[] {
  if (old.metadata.annotations?.[MIRROR] !== undefined) {
    return [forbiddenField('', 'static pods cannot be resized')];
  }
  const errors: FieldError[] = [];
  // The class decides about eviction and cgroups, and those are settled when a Pod starts.
  const [qos, before] = [qosClassOf(pod.spec), old.status?.qosClass ?? qosClassOf(old.spec)];
  if (qos !== before) {
    errors.push(invalidValue('spec', qos, 'Pod QOS Class may not change as a result of resizing'));
  }
  if (hasAmounts(pod.spec.resources) || hasAmounts(old.spec.resources)) {
    const gate = 'InPlacePodLevelResourcesVerticalScalingEnabled feature gate is disabled';
    const detail = `resize of pods with pod-level resources is forbidden when ${gate}`;
    return [...errors, forbiddenField('', detail)];
  }
  const moved = [...orderErrors(pod, old, 'containers'), ...orderErrors(pod, old, 'initContainers')];
  if (moved.length > 0) return [...errors, ...moved];
  errors.push(...removalErrors(pod, old, 'initContainers'), ...removalErrors(pod, old, 'containers'));
  const spec = {
    ...pod.spec,
    containers: restored(pod.spec.containers, old.spec.containers),
    initContainers: restored(pod.spec.initContainers, old.spec.initContainers),
  };
  if (!isSame(spec, old.spec))
    errors.push(forbiddenField('spec', 'only cpu and memory resources are mutable'));
  return errors;
}

type List = 'containers' | 'initContainers';

function orderErrors(pod: Pod, old: Pod, list: List): FieldError[] {
  const [now = [], before = []] = [pod.spec[list], old.spec[list]];
  if (now.length !== before.length) {
    return [forbiddenField(`spec.${list}`, `${list} may not be added or removed on resize`)];
  }
  return before.flatMap(({ name }, i) =>
    now[i]?.name === name
      ? []
      : [forbiddenField(`spec.${list}[${i}].name`, `${list} may not be renamed or reordered on resize`)],
  );
}

function removalErrors(pod: Pod, old: Pod, list: List): FieldError[] {
  return (old.spec[list] ?? []).flatMap((before, i) =>
    (['requests', 'limits'] as const).flatMap((side) => {
      const now = pod.spec[list]?.[i]?.resources?.[side] ?? {};
      if (Object.keys(before.resources?.[side] ?? {}).every((name) => now[name] !== undefined)) return [];
      const path = `spec.${list}[${i}].resources.${side}`;
      return [forbiddenField(path, `resource ${side} cannot be removed`)];
    }),
  );
}

/** With cpu and memory as they were before, so that what still differs is what may not. */
function restored(
  containers: readonly Container[] | undefined,
  before: readonly Container[] | undefined,
): Container[] | undefined {
  return containers?.map((container, i) => {
    const old = before?.[i]?.resources;
    const resources: ResourceRequirements = {
      ...container.resources,
      limits: withOld(container.resources?.limits, old?.limits),
      requests: withOld(container.resources?.requests, old?.requests),
    };
    return {
      ...container,
      resources: Object.values(resources).some((v) => v !== undefined) ? resources : old,
    };
  });
}

function withOld(now: ResourceList | undefined, old: ResourceList | undefined): ResourceList | undefined {
  const { cpu: _cpu, memory: _memory, ...others } = now ?? {};
  const kept = Object.entries(old ?? {}).filter(([name]) => name === 'cpu' || name === 'memory');
  const list = { ...others, ...Object.fromEntries(kept) };
  return Object.keys(list).length > 0 || old ? list : undefined;
}

const hasAmounts = (resources: ResourceRequirements | undefined): boolean =>
  Object.keys(resources?.requests ?? {}).length + Object.keys(resources?.limits ?? {}).length > 0;
