import { NAME } from '#proto/api/columns.ts';
import { defineResource } from '#proto/api/define.ts';
import { usageColumns } from '#proto/api/metrics/columns.ts';
import type { NodeMetrics } from '#proto/schema/generated/metrics-v1beta1.ts';

/** What boards use: answered from their last reports, never stored. */
export const nodemetrics = defineResource<NodeMetrics>({
  group: 'metrics.k8s.io',
  version: 'v1beta1',
  plural: 'nodes',
  singular: '',
  kind: 'NodeMetrics',
  namespaced: false,
  columns: [NAME, ...usageColumns<NodeMetrics>(({ usage }) => usage)],
  verbs: ['get', 'list'],
});
