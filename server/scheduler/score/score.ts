import type { Cluster } from '../cluster.plan.ts';
import type { NodeInfo } from '../node-info.plan.ts';
import type { PodInfo } from '../pod-info.plan.ts';

/**
 * One preference among the nodes that fit: 0 (worst) to 100 (best) for each, in the order given; whole numbers, so that equals
 * are equal. Undefined where it prefers none. Pure.
 */
export interface Score {
  /** Upstream's plugin name, where it is upstream's. */
  readonly name: string;
  readonly weight: number;
  readonly scores: (
    pod: PodInfo,
    fitting: readonly NodeInfo[],
    cluster: Cluster,
  ) => readonly number[] | undefined;
}

export const MAX_SCORE = 100;

/** Raw counts to 0…100, the largest getting 100; `reverse` where less is better. Rule: DefaultNormalizeScore. */
export function normalize(raw: readonly number[], reverse = false): number[] {
  let top = 0;
  for (const value of raw) if (value > top) top = value;
  return raw.map((value) => {
    const scaled = top === 0 ? 0 : Math.trunc((value * MAX_SCORE) / top);
    return reverse ? MAX_SCORE - scaled : scaled;
  });
}
