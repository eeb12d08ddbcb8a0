import { AGE, integer, NAME, selector, templateColumns, text, wide } from '#proto/api/columns.ts';
import { defineResource, scale, statusOf } from '#proto/api/define.ts';
import type { Deployment } from '#proto/schema/generated/apps-v1.ts';

export const deployments = defineResource<Deployment>({
  group: 'apps',
  version: 'v1',
  plural: 'deployments',
  kind: 'Deployment',
  namespaced: true,
  shortNames: ['deploy'],
  categories: ['all'],
  subresources: [scale, statusOf('Deployment')],
  columns: [
    NAME,
    text('Ready', (d) => `${d.status?.readyReplicas ?? 0}/${d.spec.replicas ?? 0}`),
    integer('Up-to-date', (d) => d.status?.updatedReplicas),
    integer('Available', (d) => d.status?.availableReplicas),
    AGE,
    ...templateColumns<Deployment>((d) => d.spec.template),
    wide('Selector', (d) => selector(d.spec.selector)),
  ],
});
