import type { Node, Pod } from '#proto/schema/generated/core-v1.ts';
import { type Amounts, addAmounts, amountsOf, podRequests, podWeight } from './resources.plan.ts';

/** A host port as conflicts see it. `ip` is `0.0.0.0` for all addresses. */
export interface HostPort {
  readonly ip: string;
  readonly protocol: string;
  readonly port: number;
}

/** A node and what is promised to the Pods on it. The filters' and scores' whole view of a node. */
export interface NodeInfo {
  readonly node: Node;
  readonly allocatable: Readonly<Amounts>;
  /** Sum of the requests of the Pods here. */
  readonly requested: Readonly<Amounts>;
  /** The same with a weight for containers that ask for nothing. */
  readonly weight: Readonly<Amounts>;
  readonly pods: readonly Pod[];
  readonly hostPorts: readonly HostPort[];
}

export function hostPortsOf(pod: Pod): HostPort[] {
  return [
    ...pod.spec.containers,
    ...(pod.spec.initContainers ?? []).filter((c) => c.restartPolicy === 'Always'),
  ]
    .flatMap((container) => container.ports ?? [])
    .filter((port) => (port.hostPort ?? 0) > 0)
    .map((port) => ({
      ip: port.hostIP || '0.0.0.0',
      protocol: port.protocol ?? 'TCP',
      port: port.hostPort ?? 0,
    }));
}

/** A Pod whose containers have all ended holds nothing any more. */
export const isFinished = (pod: Pod): boolean =>
  pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';

export function nodeInfoOf(node: Node, pods: readonly Pod[]): NodeInfo {
  const live = pods.filter((pod) => !isFinished(pod));
  const requested: Amounts = {};
  const weight: Amounts = {};
  for (const pod of live) {
    addAmounts(requested, podRequests(pod));
    addAmounts(weight, podWeight(pod));
  }
  return {
    node,
    allocatable: amountsOf(node.status?.allocatable ?? node.status?.capacity),
    requested,
    weight,
    pods: live,
    hostPorts: live.flatMap(hostPortsOf),
  };
}
