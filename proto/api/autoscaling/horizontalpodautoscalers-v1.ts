import { AGE, integer, NAME, orUnset, text } from '#proto/api/columns.ts';
import { defineResource, statusOf } from '#proto/api/define.ts';
import type { HorizontalPodAutoscaler } from '#proto/schema/generated/autoscaling-v1.ts';

function targets(hpa: HorizontalPodAutoscaler): string {
  const target = hpa.spec.targetCPUUtilizationPercentage;
  if (target === undefined) return '<none>';
  const current = hpa.status?.currentCPUUtilizationPercentage;
  return `cpu: ${current === undefined ? '<unknown>' : `${current}%`}/${target}%`;
}

/** The older version of the same objects: CPU only. Stored as `autoscaling/v2`. */
export const horizontalpodautoscalersV1 = defineResource<HorizontalPodAutoscaler>({
  group: 'autoscaling',
  version: 'v1',
  plural: 'horizontalpodautoscalers',
  kind: 'HorizontalPodAutoscaler',
  namespaced: true,
  shortNames: ['hpa'],
  categories: ['all'],
  subresources: [statusOf('HorizontalPodAutoscaler')],
  columns: [
    NAME,
    text('Reference', (h) => `${h.spec.scaleTargetRef.kind}/${h.spec.scaleTargetRef.name}`),
    text('Targets', targets),
    text('MinPods', (h) => orUnset(h.spec.minReplicas)),
    integer('MaxPods', (h) => h.spec.maxReplicas),
    integer('Replicas', (h) => h.status?.currentReplicas),
    AGE,
  ],
});
