import { AGE, integer, labels, NAME, selector, templateColumns, text, wide } from '#proto/api/columns.ts';
import { defineResource, statusOf } from '#proto/api/define.ts';
import type { DaemonSet } from '#proto/schema/generated/apps-v1.ts';

export const daemonsets = defineResource<DaemonSet>({
  group: 'apps',
  version: 'v1',
  plural: 'daemonsets',
  kind: 'DaemonSet',
  namespaced: true,
  shortNames: ['ds'],
  categories: ['all'],
  subresources: [statusOf('DaemonSet')],
  columns: [
    NAME,
    integer('Desired', (ds) => ds.status?.desiredNumberScheduled),
    integer('Current', (ds) => ds.status?.currentNumberScheduled),
    integer('Ready', (ds) => ds.status?.numberReady),
    integer('Up-to-date', (ds) => ds.status?.updatedNumberScheduled),
    integer('Available', (ds) => ds.status?.numberAvailable),
    text('Node Selector', (ds) => labels(ds.spec.template.spec?.nodeSelector)),
    AGE,
    ...templateColumns<DaemonSet>((ds) => ds.spec.template),
    wide('Selector', (ds) => selector(ds.spec.selector)),
  ],
});
