import { AGE, NAME, text } from '#proto/api/columns.ts';
import { defineResource } from '#proto/api/define.ts';
import type { VolumeAttributesClass } from '#proto/schema/generated/storage-v1.ts';

export const volumeattributesclasses = defineResource<VolumeAttributesClass>({
  group: 'storage.k8s.io',
  version: 'v1',
  plural: 'volumeattributesclasses',
  kind: 'VolumeAttributesClass',
  namespaced: false,
  singular: 'volumeattributesclass',
  shortNames: ['vac'],
  columns: [NAME, text('DriverName', (c) => c.driverName), AGE],
});
