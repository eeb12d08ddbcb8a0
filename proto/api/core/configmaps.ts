import { AGE, integer, NAME } from '#proto/api/columns.ts';
import { defineResource } from '#proto/api/define.ts';
import type { ConfigMap } from '#proto/schema/generated/core-v1.ts';

export const configmaps = defineResource<ConfigMap>({
  group: '',
  version: 'v1',
  plural: 'configmaps',
  kind: 'ConfigMap',
  namespaced: true,
  shortNames: ['cm'],
  columns: [
    NAME,
    integer('Data', (c) => Object.keys(c.data ?? {}).length + Object.keys(c.binaryData ?? {}).length),
    AGE,
  ],
});
