import { AGE, NAME, orUnset, text, wide } from '#proto/api/columns.ts';
import { defineResource, statusOf } from '#proto/api/define.ts';
import type { PersistentVolume } from '#proto/schema/generated/core-v1.ts';

const MODES: Readonly<Record<string, string>> = {
  ReadWriteOnce: 'RWO',
  ReadOnlyMany: 'ROX',
  ReadWriteMany: 'RWX',
  ReadWriteOncePod: 'RWOP',
};

/** `RWO,ROX`: access modes as tables shorten them. */
export const shortModes = (modes: readonly string[] | undefined): string =>
  Object.entries(MODES)
    .filter(([mode]) => modes?.includes(mode))
    .map(([, short]) => short)
    .join(',');

const claim = (pv: PersistentVolume): string =>
  pv.spec.claimRef ? `${pv.spec.claimRef.namespace ?? ''}/${pv.spec.claimRef.name ?? ''}` : '';

export const persistentvolumes = defineResource<PersistentVolume>({
  group: '',
  version: 'v1',
  plural: 'persistentvolumes',
  kind: 'PersistentVolume',
  namespaced: false,
  shortNames: ['pv'],
  subresources: [statusOf('PersistentVolume')],
  columns: [
    NAME,
    text('Capacity', (pv) => String(pv.spec.capacity?.['storage'] ?? '')),
    text('Access Modes', (pv) => shortModes(pv.spec.accessModes)),
    text('Reclaim Policy', (pv) => pv.spec.persistentVolumeReclaimPolicy ?? ''),
    text('Status', (pv) => (pv.metadata.deletionTimestamp ? 'Terminating' : (pv.status?.phase ?? ''))),
    text('Claim', claim),
    text(
      'StorageClass',
      (pv) =>
        pv.metadata.annotations?.['volume.beta.kubernetes.io/storage-class'] ??
        pv.spec.storageClassName ??
        '',
    ),
    text('VolumeAttributesClass', (pv) => orUnset(pv.spec.volumeAttributesClassName)),
    text('Reason', (pv) => pv.status?.reason ?? ''),
    AGE,
    wide('VolumeMode', (pv) => orUnset(pv.spec.volumeMode)),
  ],
});
