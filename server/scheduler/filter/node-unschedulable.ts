import { type Filter, refusal } from './filter.ts';
import { toleratesTaint } from './taint-toleration.ts';

const TAINT = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };
const CORDONED = refusal('node(s) were unschedulable');

/** `kubectl cordon`. A DaemonSet's Pods tolerate it. */
export const nodeUnschedulable: Filter = {
  name: 'NodeUnschedulable',
  prepare: ({ pod }) =>
    toleratesTaint(pod.spec.tolerations, TAINT)
      ? undefined
      : ({ node }) => (node.spec.unschedulable ? CORDONED : undefined),
};
