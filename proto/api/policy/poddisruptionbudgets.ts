import { AGE, integer, NAME, text } from '#proto/api/columns.ts';
import { defineResource, statusOf } from '#proto/api/define.ts';
import type { PodDisruptionBudget } from '#proto/schema/generated/policy-v1.ts';

export const poddisruptionbudgets = defineResource<PodDisruptionBudget>({
  group: 'policy',
  version: 'v1',
  plural: 'poddisruptionbudgets',
  kind: 'PodDisruptionBudget',
  namespaced: true,
  shortNames: ['pdb'],
  subresources: [statusOf('PodDisruptionBudget')],
  columns: [
    NAME,
    text('Min Available', (p) => String(p.spec.minAvailable ?? 'N/A')),
    text('Max Unavailable', (p) => String(p.spec.maxUnavailable ?? 'N/A')),
    integer('Allowed Disruptions', (p) => p.status?.disruptionsAllowed),
    AGE,
  ],
});
