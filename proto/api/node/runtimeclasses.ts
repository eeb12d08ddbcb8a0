import { AGE, NAME, text } from '#proto/api/columns.ts';
import { defineResource } from '#proto/api/define.ts';
import type { RuntimeClass } from '#proto/schema/generated/node-v1.ts';

export const runtimeclasses = defineResource<RuntimeClass>({
  group: 'node.k8s.io',
  version: 'v1',
  plural: 'runtimeclasses',
  kind: 'RuntimeClass',
  namespaced: false,
  columns: [NAME, text('Handler', (c) => c.handler), AGE],
});
