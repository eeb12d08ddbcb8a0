import { AGE, flag, NAME, orUnset, text } from '#proto/api/columns.ts';
import { defineResource } from '#proto/api/define.ts';
import type { StorageClass } from '#proto/schema/generated/storage-v1.ts';

const DEFAULT_CLASS = 'storageclass.kubernetes.io/is-default-class';

/** The name carries a mark where the class is the default. */
const name = (c: StorageClass): string =>
  c.metadata.annotations?.[DEFAULT_CLASS] === 'true'
    ? `${c.metadata.name} (default)`
    : (c.metadata.name ?? '');

export const storageclasses = defineResource<StorageClass>({
  group: 'storage.k8s.io',
  version: 'v1',
  plural: 'storageclasses',
  kind: 'StorageClass',
  namespaced: false,
  singular: 'storageclass',
  shortNames: ['sc'],
  columns: [
    { ...NAME, value: name },
    text('Provisioner', (c) => c.provisioner),
    text('ReclaimPolicy', (c) => c.reclaimPolicy ?? 'Delete'),
    text('VolumeBindingMode', (c) => orUnset(c.volumeBindingMode)),
    flag('AllowVolumeExpansion', (c) => c.allowVolumeExpansion),
    AGE,
  ],
});
