import { AGE, NAME, text } from '#proto/api/columns.ts';
import { defineResource } from '#proto/api/define.ts';
import type { ResourceSlice } from '#proto/schema/generated/resource-v1.ts';

export const resourceslices = defineResource<ResourceSlice>({
  group: 'resource.k8s.io',
  version: 'v1',
  plural: 'resourceslices',
  kind: 'ResourceSlice',
  namespaced: false,
  columns: [
    NAME,
    text('Node', (s) => s.spec.nodeName ?? ''),
    text('Driver', (s) => s.spec.driver),
    text('Pool', (s) => s.spec.pool.name),
    AGE,
  ],
  selectableFields: { 'spec.nodeName': (s) => s.spec.nodeName ?? '', 'spec.driver': (s) => s.spec.driver },
});
