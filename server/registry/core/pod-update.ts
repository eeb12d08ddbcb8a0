import { type FieldError, forbiddenField, invalidValue } from '#proto/meta/field-error.ts';
import type { Container, Pod, PodSpec, Toleration } from '#proto/schema/generated/core-v1.ts';
import { isSame } from '#server/registry/validation/field-checks.ts';
import { between } from '#server/registry/validation/names.ts';

const MAX_INT32 = 2 ** 31 - 1;
const UPDATABLE = [
  '`spec.containers[*].image`',
  '`spec.initContainers[*].image`',
  '`spec.activeDeadlineSeconds`',
  '`spec.tolerations` (only additions to existing tolerations)',
  '`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
].join(',');

/** What may not change in a Pod that exists. Rule: upstream's `ValidatePodUpdate`. */
export function validatePodUpdate(pod: Pod, old: Pod): FieldError[] {
  const { spec } = pod;
  for (const list of ['containers', 'initContainers'] as const) {
    if ((spec[list]?.length ?? 0) !== (old.spec[list]?.length ?? 0)) {
      return [forbiddenField(`spec.${list}`, 'pod updates may not add or remove containers')];
    }
  }
  const errors = [
    ...validateDeadline(spec.activeDeadlineSeconds, old.spec.activeDeadlineSeconds),
    ...validateTolerations(spec.tolerations, old.spec.tolerations),
    ...validateGates(spec, old.spec),
  ];
  if (!isSame(withoutUpdatable(spec, old.spec), old.spec)) {
    errors.push(forbiddenField('spec', `pod updates may not change fields other than ${UPDATABLE}`));
  }
  return errors;
}

/** Ephemeral containers are added, never changed or taken away. */
export function validateEphemeralUpdate(pod: Pod, old: Pod): FieldError[] {
  const now = new Map(pod.spec.ephemeralContainers?.map((container) => [container.name, container]));
  return (old.spec.ephemeralContainers ?? []).flatMap((container, i) => {
    const next = now.get(container.name);
    if (!next) {
      return [
        forbiddenField(
          'spec.ephemeralContainers',
          `existing ephemeral containers ${JSON.stringify(container.name)} may not be removed\n`,
        ),
      ];
    }
    if (isSame(next, container)) return [];
    const detail = `existing ephemeral containers ${JSON.stringify(container.name)} may not be changed\n`;
    return [forbiddenField(`spec.ephemeralContainers[${i}]`, detail)];
  });
}

function validateDeadline(seconds: number | undefined, old: number | undefined): FieldError[] {
  const path = 'spec.activeDeadlineSeconds';
  if (seconds === undefined) {
    if (old === undefined) return [];
    return [invalidValue(path, null, 'must not update from a positive integer to nil value')];
  }
  if (seconds < 0 || seconds > MAX_INT32) return [invalidValue(path, seconds, between(0, MAX_INT32))];
  if (old === undefined || old >= seconds) return [];
  return [invalidValue(path, seconds, 'must be less than or equal to previous value')];
}

function validateTolerations(now: Toleration[] = [], old: Toleration[] = []): FieldError[] {
  const isKept = (before: Toleration): boolean =>
    now.some((toleration) => isSame({ ...toleration, tolerationSeconds: before.tolerationSeconds }, before));
  if (old.every(isKept)) return [];
  const detail = 'existing toleration can not be modified except its tolerationSeconds';
  return [forbiddenField('spec.tolerations', detail)];
}

function validateGates(spec: PodSpec, old: PodSpec): FieldError[] {
  const known = new Set(old.schedulingGates?.map((gate) => gate.name));
  const added = (spec.schedulingGates ?? []).map((gate) => gate.name).filter((name) => !known.has(name));
  if (added.length === 0) return [];
  const detail = `only deletion is allowed, but found new scheduling gates '${added.join(', ')}'`;
  return [forbiddenField('spec.schedulingGates', detail)];
}

/** The new spec with what may change taken from the old one: the rest must be equal. */
function withoutUpdatable(spec: PodSpec, old: PodSpec): PodSpec {
  const images = (
    containers: Container[] | undefined,
    before: Container[] | undefined,
  ): Container[] | undefined =>
    containers?.map((container, i) => ({ ...container, image: before?.[i]?.image }));
  const result: PodSpec = {
    ...spec,
    containers: images(spec.containers, old.containers) ?? [],
    initContainers: images(spec.initContainers, old.initContainers),
    activeDeadlineSeconds: old.activeDeadlineSeconds,
    schedulingGates: old.schedulingGates,
    tolerations: old.tolerations,
  };
  if ((old.terminationGracePeriodSeconds ?? 0) < 0 && spec.terminationGracePeriodSeconds === 1) {
    result.terminationGracePeriodSeconds = old.terminationGracePeriodSeconds;
  }
  // A Pod that waits at a gate may still be told where to run.
  if (old.schedulingGates?.length) {
    result.nodeSelector = old.nodeSelector;
    result.affinity = old.affinity;
  }
  return result;
}
