import { AGE, flag, NAME, text } from '#proto/api/columns.ts';
import { defineResource, statusOf } from '#proto/api/define.ts';
import type { VolumeAttachment } from '#proto/schema/generated/storage-v1.ts';

export const volumeattachments = defineResource<VolumeAttachment>({
  group: 'storage.k8s.io',
  version: 'v1',
  plural: 'volumeattachments',
  kind: 'VolumeAttachment',
  namespaced: false,
  subresources: [statusOf('VolumeAttachment')],
  columns: [
    NAME,
    text('Attacher', (v) => v.spec.attacher),
    text('PV', (v) => v.spec.source.persistentVolumeName ?? ''),
    text('Node', (v) => v.spec.nodeName),
    flag('Attached', (v) => v.status?.attached),
    AGE,
  ],
});
