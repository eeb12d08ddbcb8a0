import type { NodeInfo } from '../node-info.plan.ts';
import type { PodInfo } from '../pod-info.plan.ts';

/**
 * One rule that a node must satisfy. Gives the reasons why it does not, in upstream's words (they are counted over nodes and
 * shown to people), or an empty list. Pure. One more file, and one more line in `filter/index.ts`, is one more rule.
 */
export interface Filter {
  /** Upstream's plugin name. */
  readonly name: string;
  readonly reasons: (pod: PodInfo, node: NodeInfo) => readonly string[];
}
