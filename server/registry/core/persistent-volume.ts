import {
  type FieldError,
  forbiddenField,
  invalidValue,
  notSupported,
  required,
} from '#proto/meta/field-error.ts';
import { compareQuantities } from '#proto/meta/quantity.ts';
import { timestamp } from '#proto/meta/timestamp.ts';
import type { PersistentVolume, PersistentVolumeSpec } from '#proto/schema/generated/core-v1.ts';
import { VOLUME_MODES, validateAccessModes } from '#server/registry/core/persistent-volume-claim.ts';
import type { Strategy } from '#server/registry/strategy.ts';
import { isSame, named, oneOf, oneOfOptional, problemsAt } from '#server/registry/validation/field-checks.ts';
import { dnsSubdomainProblems } from '#server/registry/validation/names.ts';
import { validateNodeSelector } from '#server/registry/validation/pod/scheduling.ts';
import { validateAmount } from '#server/registry/validation/quantities.ts';

/** Fields that say something about a volume; all others are its source. */
const NOT_SOURCES = new Set<keyof PersistentVolumeSpec>([
  'capacity',
  'accessModes',
  'claimRef',
  'persistentVolumeReclaimPolicy',
  'storageClassName',
  'mountOptions',
  'volumeMode',
  'nodeAffinity',
  'volumeAttributesClassName',
]);

/** PersistentVolumes. Rule: upstream's `pkg/registry/core/persistentvolume/strategy.go`. */
export const persistentVolume: Strategy<PersistentVolume> = {
  generation: false,
  applyDefaults: (object) => {
    object.spec ??= {};
    object.spec.persistentVolumeReclaimPolicy ||= 'Retain';
    object.spec.volumeMode ??= 'Filesystem';
    if (object.spec.hostPath) object.spec.hostPath.type ??= '';
    object.status ??= {};
    object.status.phase ||= 'Pending';
  },
  prepareForCreate: (object, { now }) => {
    object.status = {
      phase: 'Pending',
      lastPhaseTransitionTime: timestamp(now),
    };
  },
  prepareForUpdate: ({ status }, old, { now, subresource }) => {
    if (subresource !== 'status' || !status || status.phase === old.status?.phase) return;
    if (status.lastPhaseTransitionTime === old.status?.lastPhaseTransitionTime)
      status.lastPhaseTransitionTime = timestamp(now);
  },
  validate: ({ spec }) => validateSpec(spec),
  validateUpdate: ({ spec }, old, { subresource }) => {
    if (subresource) return [];
    const source = (s: PersistentVolumeSpec): unknown => sourcesOf(s);
    const errors: FieldError[] = [];
    if (!isSame(source(spec), source(old.spec))) {
      const detail = 'spec.persistentvolumesource is immutable after creation';
      errors.push(forbiddenField('spec.persistentvolumesource', detail));
    }
    if (spec.volumeMode !== old.spec.volumeMode) {
      errors.push(invalidValue('spec.volumeMode', spec.volumeMode, 'field is immutable'));
    }
    if (old.spec.nodeAffinity && !isSame(spec.nodeAffinity, old.spec.nodeAffinity)) {
      errors.push(invalidValue('spec.nodeAffinity', spec.nodeAffinity, 'field is immutable'));
    }
    return errors;
  },
};

const sourcesOf = (spec: PersistentVolumeSpec): [string, unknown][] =>
  Object.entries(spec).filter(
    ([field, value]) => !NOT_SOURCES.has(field as keyof PersistentVolumeSpec) && value !== undefined,
  );

function validateSpec(spec: PersistentVolumeSpec): FieldError[] {
  const errors: FieldError[] = [];
  const modes = spec.accessModes ?? [];
  if (modes.length === 0) errors.push(required('spec.accessModes'));
  errors.push(...validateAccessModes(modes, 'spec'));
  const storage = spec.capacity?.['storage'];
  const names = Object.keys(spec.capacity ?? {});
  if (names.length === 0) errors.push(required('spec.capacity'));
  if (storage === undefined || names.length > 1) {
    errors.push(notSupported('spec.capacity', spec.capacity ?? {}, ['storage']));
  }
  if (storage !== undefined) errors.push(...validateSize(storage, 'spec.capacity[storage]'));
  const sources = sourcesOf(spec).map(([name]) => name);
  if (sources.length === 0) errors.push(required('spec', 'must specify a volume type'));
  for (const name of sources.slice(1)) {
    errors.push(forbiddenField(`spec.${name}`, 'may not specify more than 1 volume type'));
  }
  return [
    ...errors,
    ...oneOf('spec.persistentVolumeReclaimPolicy', spec.persistentVolumeReclaimPolicy, [
      'Delete',
      'Recycle',
      'Retain',
    ]),
    // Of several sources none is looked at closer.
    ...(sources.length > 1 ? [] : validateSource(spec)),
    ...oneOfOptional('spec.volumeMode', spec.volumeMode, VOLUME_MODES),
    ...(spec.nodeAffinity && !spec.nodeAffinity.required
      ? [required('spec.nodeAffinity.required', 'must specify required node constraints')]
      : []),
    ...validateNodeSelector(spec.nodeAffinity?.required, 'spec.nodeAffinity.required'),
    ...(spec.storageClassName
      ? problemsAt(
          'spec.storageClassName',
          spec.storageClassName,
          dnsSubdomainProblems(spec.storageClassName),
        )
      : []),
  ];
}

function validateSource({
  csi,
  hostPath,
  local,
  nfs,
  nodeAffinity,
  persistentVolumeReclaimPolicy,
}: PersistentVolumeSpec): FieldError[] {
  const errors: FieldError[] = [];
  if (hostPath && !hostPath.path) errors.push(required('spec.hostPath.path'));
  if (hostPath?.path?.split('/').includes('..')) {
    errors.push(invalidValue('spec.hostPath.path', hostPath.path, "must not contain '..'"));
  }
  if (hostPath?.path === '/' && persistentVolumeReclaimPolicy === 'Recycle') {
    const detail = "may not be 'recycle' for a hostPath mount of '/'";
    errors.push(forbiddenField('spec.persistentVolumeReclaimPolicy', detail));
  }
  if (local && !local.path) errors.push(required('spec.local.path'));
  if (local && !nodeAffinity?.required) {
    errors.push(required('spec.nodeAffinity', 'Local volume requires node affinity'));
  }
  if (nfs && !nfs.server) errors.push(required('spec.nfs.server'));
  if (nfs && !nfs.path) errors.push(required('spec.nfs.path'));
  if (csi) {
    errors.push(...named('spec.csi.driver', csi.driver, dnsSubdomainProblems));
    if (!csi.volumeHandle) errors.push(required('spec.csi.volumeHandle'));
  }
  return errors;
}

function validateSize(storage: string, path: string): FieldError[] {
  const errors = validateAmount('storage', storage, path);
  if (errors.length > 0 || compareQuantities(`${storage}`, '0') > 0) return errors;
  return [invalidValue(path, storage, 'must be greater than zero')];
}
