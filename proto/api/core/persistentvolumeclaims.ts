import { AGE, NAME, orUnset, text, wide } from '#proto/api/columns.ts';
import { shortModes } from '#proto/api/core/persistentvolumes.ts';
import { defineResource, statusOf } from '#proto/api/define.ts';
import type { PersistentVolumeClaim } from '#proto/schema/generated/core-v1.ts';

export const persistentvolumeclaims = defineResource<PersistentVolumeClaim>({
  group: '',
  version: 'v1',
  plural: 'persistentvolumeclaims',
  kind: 'PersistentVolumeClaim',
  namespaced: true,
  shortNames: ['pvc'],
  subresources: [statusOf('PersistentVolumeClaim')],
  columns: [
    NAME,
    text('Status', (c) => (c.metadata.deletionTimestamp ? 'Terminating' : (c.status?.phase ?? ''))),
    text('Volume', (c) => c.spec.volumeName ?? ''),
    text('Capacity', (c) => (c.spec.volumeName ? String(c.status?.capacity?.['storage'] ?? '') : '')),
    text('Access Modes', (c) => (c.spec.volumeName ? shortModes(c.status?.accessModes) : '')),
    text(
      'StorageClass',
      (c) =>
        c.metadata.annotations?.['volume.beta.kubernetes.io/storage-class'] ?? c.spec.storageClassName ?? '',
    ),
    text('VolumeAttributesClass', (c) => orUnset(c.spec.volumeAttributesClassName)),
    AGE,
    wide('VolumeMode', (c) => orUnset(c.spec.volumeMode)),
  ],
});
