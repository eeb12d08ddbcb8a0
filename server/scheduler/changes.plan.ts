import type { NodeInfo } from './node-info.plan.ts';
import type { PodInfo } from './pod-info.plan.ts';

/** What has happened in the cluster that may let a Pod fit that did not. */
export type ClusterChange =
  /** Room was made, or the node is new or has changed: labels, taints, amounts. */
  | { readonly type: 'node'; readonly node: NodeInfo; readonly relabelled: boolean }
  /** A Pod has left its node, or holds less there. */
  | { readonly type: 'pod gone'; readonly pod: PodInfo; readonly node: NodeInfo }
  /** A Pod was placed, or a placed one has other labels. */
  | { readonly type: 'pod placed'; readonly pod: PodInfo; readonly node: NodeInfo }
  | { readonly type: 'volume' }
  | { readonly type: 'namespace' };

/** May the Pod try again? At once where it fits on this node now, or after its back-off. */
export type Hint =
  | { readonly type: 'no' }
  | { readonly type: 'fits'; readonly nodeName: string }
  | { readonly type: 'maybe' };
