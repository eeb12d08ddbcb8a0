import { AGE, integer, NAME, NONE, orUnset, text, UNKNOWN } from '#proto/api/columns.ts';
import { defineResource, statusOf } from '#proto/api/define.ts';
import type {
  HorizontalPodAutoscaler,
  MetricStatus,
  MetricTarget,
  MetricValueStatus,
} from '#proto/schema/generated/autoscaling-v2.ts';

const SHOWN = 2;

const pair = (current: MetricValueStatus | undefined, target: MetricTarget | undefined): string => {
  if (target?.averageUtilization !== undefined) {
    const now = current?.averageUtilization;
    return `${now === undefined ? UNKNOWN : `${now}%`}/${target.averageUtilization}%`;
  }
  if (target?.averageValue !== undefined)
    return `${current?.averageValue ?? UNKNOWN}/${target.averageValue} (avg)`;
  return `${current?.value ?? UNKNOWN}/${target?.value ?? '<auto>'}`;
};

function targets(hpa: HorizontalPodAutoscaler): string {
  const specs = hpa.spec.metrics ?? [];
  if (specs.length === 0) return NONE;
  const list = specs.map((spec, i) => {
    const now: MetricStatus | undefined = hpa.status?.currentMetrics?.[i];
    switch (spec.type) {
      case 'Resource':
        return `${spec.resource?.name}: ${pair(now?.resource?.current, spec.resource?.target)}`;
      case 'ContainerResource':
        return `${spec.containerResource?.name}: ${pair(now?.containerResource?.current, spec.containerResource?.target)}`;
      case 'Pods':
        return pair(now?.pods?.current, spec.pods?.target).replace(' (avg)', '');
      case 'Object':
        return pair(now?.object?.current, spec.object?.target);
      case 'External':
        return pair(now?.external?.current, spec.external?.target);
      default:
        return '<unknown type>';
    }
  });
  const more = list.length > SHOWN ? ` + ${list.length - SHOWN} more...` : '';
  return `${list.slice(0, SHOWN).join(', ')}${more}`;
}

export const horizontalpodautoscalers = defineResource<HorizontalPodAutoscaler>({
  group: 'autoscaling',
  version: 'v2',
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
