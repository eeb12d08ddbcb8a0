import {
  type FieldError,
  forbiddenField,
  invalidValue,
  notSupported,
  required,
} from '#proto/meta/field-error.ts';
import { compareQuantities } from '#proto/meta/quantity.ts';
import type { PersistentVolumeClaim, PersistentVolumeClaimSpec } from '#proto/schema/generated/core-v1.ts';
import type { Strategy } from '#server/registry/strategy.ts';
import { isSame, oneOfOptional, problemsAt } from '#server/registry/validation/field-checks.ts';
import { dnsSubdomainProblems } from '#server/registry/validation/names.ts';
import { validateAmount } from '#server/registry/validation/quantities.ts';
import { validateLabelSelector } from '#server/registry/validation/selectors.ts';

export const ACCESS_MODES = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod'];
export const VOLUME_MODES = ['Block', 'Filesystem'];
const SNAPSHOT = 'VolumeSnapshot.snapshot.storage.k8s.io';
type Source = NonNullable<PersistentVolumeClaimSpec['dataSource']>;
const IMMUTABLE_SPEC =
  'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims';

/** PersistentVolumeClaims. Rule: upstream's `pkg/registry/core/persistentvolumeclaim/strategy.go`. */
export const persistentVolumeClaim: Strategy<PersistentVolumeClaim> = {
  generation: false,
  applyDefaults: (object) => {
    object.spec ??= {};
    applyClaimSpecDefaults(object.spec);
    object.status ??= {};
    object.status.phase ||= 'Pending';
  },
  prepareForCreate: (object) => {
    object.status = { phase: 'Pending' };
    dropUnknownSource(object.spec);
    alignSources(object.spec);
  },
  validate: ({ spec }) => validateClaimSpec(spec, 'spec'),
  validateUpdate: (object, old, { subresource }) => (subresource ? [] : validateUpdate(object, old)),
};

export function applyClaimSpecDefaults(spec: PersistentVolumeClaimSpec): void {
  spec.volumeMode ??= 'Filesystem';
  spec.resources ??= {};
}

/** The older field knows claims and snapshots only; what else it names is as if it were not written. */
function dropUnknownSource(spec: PersistentVolumeClaimSpec): void {
  // Namespaces are behind a gate that is off, and a source elsewhere is none.
  if (spec.dataSourceRef?.namespace) {
    delete spec.dataSource;
    delete spec.dataSourceRef;
  }
  const { dataSource, dataSourceRef } = spec;
  if (!dataSource || dataSourceRef) return;
  const { apiGroup = '', kind } = dataSource;
  const isKnown = apiGroup === '' ? kind === 'PersistentVolumeClaim' : `${kind}.${apiGroup}` === SNAPSHOT;
  if (!isKnown) delete spec.dataSource;
}

/** Both fields say where the data comes from; the newer one knows more kinds. */
function alignSources(spec: PersistentVolumeClaimSpec): void {
  const { dataSource, dataSourceRef } = spec;
  if (dataSource && !dataSourceRef) spec.dataSourceRef = { ...dataSource };
  else if (dataSourceRef && !dataSource) spec.dataSource = { ...dataSourceRef };
}

/** A claim's spec, also of the templates of StatefulSets. */
export function validateClaimSpec(spec: PersistentVolumeClaimSpec, path: string): FieldError[] {
  const modes = spec.accessModes ?? [];
  const errors: FieldError[] = [];
  if (modes.length === 0) errors.push(required(`${path}.accessModes`, 'at least 1 access mode is required'));
  errors.push(
    ...validateLabelSelector(spec.selector, `${path}.selector`),
    ...validateAccessModes(modes, path),
  );
  const storage = spec.resources?.requests?.['storage'];
  const at = `${path}.resources[storage]`;
  if (storage === undefined) errors.push(required(at));
  else {
    const problems = validateAmount('storage', storage, at);
    errors.push(...problems);
    if (problems.length === 0 && compareQuantities(storage, '0') <= 0) {
      errors.push(invalidValue(at, storage, 'must be greater than zero'));
    }
  }
  const { storageClassName } = spec;
  if (storageClassName) {
    errors.push(
      ...problemsAt(`${path}.storageClassName`, storageClassName, dnsSubdomainProblems(storageClassName)),
    );
  }
  return [
    ...errors,
    ...oneOfOptional(`${path}.volumeMode`, spec.volumeMode, VOLUME_MODES),
    ...validateSources(spec, path),
  ];
}

function validateSources(
  { dataSource, dataSourceRef }: PersistentVolumeClaimSpec,
  path: string,
): FieldError[] {
  const errors = [
    ...(dataSource ? validateSource(dataSource, `${path}.dataSource`) : []),
    ...(dataSourceRef ? validateSource(dataSourceRef, `${path}.dataSourceRef`) : []),
  ];
  if (!dataSource || !dataSourceRef) return errors;
  const { apiGroup = '', kind, name } = dataSourceRef;
  const isOne =
    (dataSource.apiGroup ?? '') === apiGroup && dataSource.kind === kind && dataSource.name === name;
  return isOne ? errors : [...errors, invalidValue(path, {}, 'must match dataSourceRef')];
}

function validateSource({ apiGroup, kind = '', name }: Source, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (!name) errors.push(required(`${path}.name`));
  if (!kind) errors.push(required(`${path}.kind`));
  if (!apiGroup && kind !== 'PersistentVolumeClaim') {
    const detail = "must be 'PersistentVolumeClaim' when referencing the default apiGroup";
    errors.push(invalidValue(path, kind, detail));
  }
  return errors;
}

/** Access modes of a claim or a volume. */
export function validateAccessModes(modes: readonly string[], path: string): FieldError[] {
  const at = `${path}.accessModes`;
  const errors = modes
    .filter((mode) => !ACCESS_MODES.includes(mode))
    .map((mode) => notSupported(at, mode, ACCESS_MODES));
  if (modes.includes('ReadWriteOncePod') && modes.length > 1) {
    errors.push(forbiddenField(at, 'may not use ReadWriteOncePod with other access modes'));
  }
  return errors;
}

function validateUpdate(object: PersistentVolumeClaim, old: PersistentVolumeClaim): FieldError[] {
  const isBound = old.status?.phase === 'Bound';
  const mutable = {
    resources: old.spec.resources,
    volumeAttributesClassName: old.spec.volumeAttributesClassName,
  };
  const now: PersistentVolumeClaimSpec = { ...object.spec };
  // The binder sets the name once; a claim without a class may be given one.
  if (!old.spec.volumeName) now.volumeName = old.spec.volumeName;
  if (old.spec.storageClassName === undefined) now.storageClassName = undefined;
  if (isBound) Object.assign(now, mutable);
  if (!isSame(now, old.spec)) return [forbiddenField('spec', IMMUTABLE_SPEC)];
  const before = old.spec.resources?.requests?.['storage'] ?? '0';
  const after = object.spec.resources?.requests?.['storage'] ?? '0';
  if (!isBound || validateAmount('storage', after, '').length > 0 || compareQuantities(after, before) >= 0)
    return [];
  const detail = 'field can not be less than status.capacity';
  const capacity = object.status?.capacity?.['storage'];
  return capacity !== undefined && compareQuantities(after, capacity) >= 0
    ? []
    : [forbiddenField('spec.resources.requests.storage', detail)];
}
