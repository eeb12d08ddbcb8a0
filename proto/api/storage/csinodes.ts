import { AGE, integer, NAME } from '#proto/api/columns.ts';
import { defineResource } from '#proto/api/define.ts';
import type { CSINode } from '#proto/schema/generated/storage-v1.ts';

export const csinodes = defineResource<CSINode>({
  group: 'storage.k8s.io',
  version: 'v1',
  plural: 'csinodes',
  kind: 'CSINode',
  namespaced: false,
  columns: [NAME, integer('Drivers', (n) => n.spec.drivers?.length), AGE],
});
