import type { Filter } from './filter.ts';
import { toleratesTaint } from './taint-toleration.ts';

const TAINT = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };

/** `kubectl cordon`. A DaemonSet's Pods tolerate it. */
export const nodeUnschedulable: Filter = {
  name: 'NodeUnschedulable',
  reasons: ({ pod }, { node }) =>
    node.spec.unschedulable && !toleratesTaint(pod.spec.tolerations, TAINT)
      ? ['node(s) were unschedulable']
      : [],
};
