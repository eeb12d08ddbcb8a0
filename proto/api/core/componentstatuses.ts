import { NAME, text } from '#proto/api/columns.ts';
import { defineResource } from '#proto/api/define.ts';
import type { ComponentStatus } from '#proto/schema/generated/core-v1.ts';

const healthy = (c: ComponentStatus) => c.conditions?.find((x) => x.type === 'Healthy');

export const componentstatuses = defineResource<ComponentStatus>({
  group: '',
  version: 'v1',
  plural: 'componentstatuses',
  kind: 'ComponentStatus',
  namespaced: false,
  shortNames: ['cs'],
  deprecated: 'v1 ComponentStatus is deprecated in v1.19+',
  columns: [
    NAME,
    text('Status', (c) => (healthy(c)?.status === 'True' ? 'Healthy' : 'Unhealthy')),
    text('Message', (c) => healthy(c)?.message ?? ''),
    text('Error', (c) => healthy(c)?.error ?? ''),
  ],
  verbs: ['get', 'list'],
});
