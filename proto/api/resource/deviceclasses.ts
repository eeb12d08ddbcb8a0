import { AGE, NAME } from '#proto/api/columns.ts';
import { defineResource } from '#proto/api/define.ts';
import type { DeviceClass } from '#proto/schema/generated/resource-v1.ts';

export const deviceclasses = defineResource<DeviceClass>({
  group: 'resource.k8s.io',
  version: 'v1',
  plural: 'deviceclasses',
  kind: 'DeviceClass',
  namespaced: false,
  singular: 'deviceclass',
  columns: [NAME, AGE],
});
