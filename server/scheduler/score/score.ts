import type { NodeInfo } from '../node-info.plan.ts';
import type { PodInfo } from '../pod-info.plan.ts';

/**
 * One preference among the nodes that fit: 0 (worst) to 100 (best) for each, in the order given; whole numbers, so that equals
 * are equal. `all` are the nodes that don't fit too. Pure.
 */
export interface Score {
  /** Upstream's plugin name. */
  readonly name: string;
  readonly weight: number;
  readonly scores: (
    pod: PodInfo,
    fitting: readonly NodeInfo[],
    all: readonly NodeInfo[],
  ) => readonly number[];
}

export const MAX_SCORE = 100;

/** Raw counts to 0…100, the largest getting 100; `reverse` where less is better. Rule: DefaultNormalizeScore. */
export function normalize(raw: readonly number[], reverse = false): number[] {
  const top = Math.max(0, ...raw);
  return raw.map((value) => {
    const scaled = top === 0 ? 0 : Math.trunc((value * MAX_SCORE) / top);
    return reverse ? MAX_SCORE - scaled : scaled;
  });
}
