import { AGE, NAME, orUnset, text } from '#proto/api/columns.ts';
import { defineResource } from '#proto/api/define.ts';
import type { CSIStorageCapacity } from '#proto/schema/generated/storage-v1.ts';

export const csistoragecapacities = defineResource<CSIStorageCapacity>({
  group: 'storage.k8s.io',
  version: 'v1',
  plural: 'csistoragecapacities',
  kind: 'CSIStorageCapacity',
  namespaced: true,
  columns: [
    NAME,
    text('StorageClassName', (c) => c.storageClassName),
    text('Capacity', (c) => orUnset(c.capacity)),
    AGE,
  ],
});
