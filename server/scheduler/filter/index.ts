import type { Filter } from './filter.ts';
import { nodeAffinity } from './node-affinity.ts';
import { nodeName } from './node-name.ts';
import { nodePorts } from './node-ports.ts';
import { nodeResourcesFit } from './node-resources.ts';
import { nodeUnschedulable } from './node-unschedulable.ts';
import { pinnedNode } from './pinned-node.ts';
import { taintToleration } from './taint-toleration.ts';

/** Cheap ones first: the first that refuses a node is the one that is told. */
export const FILTERS: readonly Filter[] = [
  pinnedNode,
  nodeUnschedulable,
  nodeName,
  taintToleration,
  nodeAffinity,
  nodePorts,
  nodeResourcesFit,
];
