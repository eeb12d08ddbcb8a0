import { AGE, flag, NAME, orUnset, text } from '#proto/api/columns.ts';
import { defineResource } from '#proto/api/define.ts';
import type { CSIDriver } from '#proto/schema/generated/storage-v1.ts';

export const csidrivers = defineResource<CSIDriver>({
  group: 'storage.k8s.io',
  version: 'v1',
  plural: 'csidrivers',
  kind: 'CSIDriver',
  namespaced: false,
  columns: [
    NAME,
    flag('AttachRequired', (d) => d.spec.attachRequired ?? true),
    flag('PodInfoOnMount', (d) => d.spec.podInfoOnMount),
    flag('StorageCapacity', (d) => d.spec.storageCapacity),
    text('TokenRequests', (d) =>
      orUnset(
        (d.spec.tokenRequests ?? []).length === 0
          ? undefined
          : (d.spec.tokenRequests ?? []).map((t) => t.audience).join(','),
      ),
    ),
    flag('RequiresRepublish', (d) => d.spec.requiresRepublish),
    text('Modes', (d) => (d.spec.volumeLifecycleModes ?? []).join(',')),
    AGE,
  ],
});
