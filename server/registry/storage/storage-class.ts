import { type FieldError, required } from '#proto/meta/field-error.ts';
import type { StorageClass } from '#proto/schema/generated/storage-v1.ts';
import type { Strategy } from '#server/registry/strategy.ts';
import { immutable, oneOf } from '#server/registry/validation/field-checks.ts';

/** StorageClasses. Rule: upstream's `ValidateStorageClass`. */
export const storageClass: Strategy<StorageClass> = {
  applyDefaults: (object) => {
    object.reclaimPolicy ??= 'Delete';
    object.volumeBindingMode ??= 'Immediate';
  },
  validate: (object) => {
    const errors: FieldError[] = [];
    if (!object.provisioner) errors.push(required('provisioner'));
    for (const key of Object.keys(object.parameters ?? {})) {
      if (key === '') errors.push(required('parameters', 'field can not be empty.'));
    }
    return [
      ...errors,
      ...oneOf('reclaimPolicy', object.reclaimPolicy, ['Delete', 'Retain']),
      ...oneOf('volumeBindingMode', object.volumeBindingMode, ['Immediate', 'WaitForFirstConsumer']),
    ];
  },
  validateUpdate: (object, old) => [
    ...immutable('parameters', object.parameters ?? {}, old.parameters ?? {}),
    ...immutable('provisioner', object.provisioner, old.provisioner),
    ...immutable('reclaimPolicy', object.reclaimPolicy, old.reclaimPolicy),
    ...immutable('volumeBindingMode', object.volumeBindingMode, old.volumeBindingMode),
  ],
};
