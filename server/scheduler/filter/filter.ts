import type { ClusterChange } from '../changes.plan.ts';
import type { Cluster } from '../cluster.plan.ts';
import type { NodeInfo } from '../node-info.plan.ts';
import type { PodInfo } from '../pod-info.plan.ts';

/** Why a node, or every node, is out. */
export interface Refusal {
  /** In upstream's words: they are counted over nodes and shown to people. */
  readonly reasons: readonly string[];
  /** Could it help that Pods leave the node? Preemption looks there only. */
  readonly resolvable: boolean;
}

/** Pods that are taken to be on a node, or not to be, when the filter is asked. The node given is a copy that shows them. */
export interface WhatIf {
  readonly added: readonly PodInfo[];
  readonly removed: readonly PodInfo[];
}

/** Asked for each node; undefined where it fits. */
export type Check = (node: NodeInfo, whatIf?: WhatIf) => Refusal | undefined;

/**
 * One rule that a node must satisfy. Pure. One more file, and one more line in `filter/index.ts`, is one more rule.
 */
export interface Filter {
  /** Upstream's plugin name. */
  readonly name: string;
  /** What a Pod means, once for all nodes: nothing (most rules for most Pods), a check, or that no node will do. */
  readonly prepare: (pod: PodInfo, cluster: Cluster) => Check | Refusal | undefined;
  /**
   * Could a Pod that this has refused fit after the change? Absent where the rule looks at one node at a time: then that node
   * is looked at again.
   */
  readonly helpedBy?: (pod: PodInfo, change: ClusterChange) => boolean;
}

/** One reason. */
export const refusal = (reason: string, resolvable = false): Refusal => ({ reasons: [reason], resolvable });
