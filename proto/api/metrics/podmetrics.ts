import { NAME } from '#proto/api/columns.ts';
import { defineResource } from '#proto/api/define.ts';
import { usageColumns } from '#proto/api/metrics/columns.ts';
import { addQuantities } from '#proto/meta/quantity.ts';
import type { PodMetrics } from '#proto/schema/generated/metrics-v1beta1.ts';

const total = ({ containers }: PodMetrics): Record<string, string> => {
  const sum = (resource: string): string =>
    containers.reduce((so, { usage }) => addQuantities(so, usage[resource] ?? '0'), '0');
  return { cpu: sum('cpu'), memory: sum('memory') };
};

/** What running Pods use: answered from their boards' last reports, never stored. */
export const podmetrics = defineResource<PodMetrics>({
  group: 'metrics.k8s.io',
  version: 'v1beta1',
  plural: 'pods',
  singular: '',
  kind: 'PodMetrics',
  namespaced: true,
  columns: [NAME, ...usageColumns(total)],
  verbs: ['get', 'list'],
});
