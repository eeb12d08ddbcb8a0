import type { Node, Pod, PodTemplateSpec } from '#proto/schema/generated/core-v1.ts';
import { withDaemonTolerations } from '#server/controllers/daemonset/daemon-pod.plan.ts';
import { allows } from '#server/scheduler/filter/node-affinity.ts';
import { toleratesTaint } from '#server/scheduler/filter/taint-toleration.ts';

export interface Eligibility {
  /** A Pod of the set belongs here. */
  readonly shouldRun: boolean;
  /** One that is here already may stay. */
  readonly mayStay: boolean;
}

const NO: Eligibility = { shouldRun: false, mayStay: false };

/**
 * Where a DaemonSet's Pods belong: nodes that the template's own name, selector and affinity allow, and whose
 * taints it tolerates. A NoSchedule taint that comes later sends nobody away.
 */
export function planEligibility(template: PodTemplateSpec): (node: Node) => Eligibility {
  const pod: Pod = { metadata: {}, spec: (template.spec ?? { containers: [] }) as Pod['spec'] };
  const tolerations = withDaemonTolerations(pod.spec);
  return (node) => {
    const { nodeName } = pod.spec;
    if ((nodeName && nodeName !== node.metadata.name) || !allows(pod, node)) return NO;
    const effects = (node.spec.taints ?? [])
      .filter((taint) => !toleratesTaint(tolerations, taint))
      .map(({ effect }) => effect);
    const mayStay = !effects.includes('NoExecute');
    return { shouldRun: mayStay && !effects.includes('NoSchedule'), mayStay };
  };
}
