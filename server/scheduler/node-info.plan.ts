import type { Node, Pod } from '#proto/schema/generated/core-v1.ts';
import type { HostPort, PodInfo } from './pod-info.plan.ts';
import { type Amounts, addAmounts, amountsOf } from './resources.plan.ts';

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

/** `before` is what was known of the node, if anything: an equal node object is not read again. */
export function nodeInfoOf(node: Node, pods: readonly PodInfo[], before?: NodeInfo): NodeInfo {
  const requested: Amounts = {};
  const weight: Amounts = {};
  for (const pod of pods) {
    addAmounts(requested, pod.requests);
    addAmounts(weight, pod.weight);
  }
  return {
    node,
    allocatable: before?.node === node ? before.allocatable : amountsOf(node.status?.allocatable),
    requested,
    weight,
    pods: pods.map(({ pod }) => pod),
    hostPorts: pods.flatMap(({ hostPorts }) => hostPorts),
  };
}
