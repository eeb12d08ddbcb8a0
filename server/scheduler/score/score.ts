import type { Pod } from '#proto/schema/generated/core-v1.ts';
import type { NodeInfo } from '../node-info.plan.ts';

/** One preference among the nodes that fit: 0 (worst) to 100 (best) for each, in the order given. Pure. */
export interface Score {
  /** Upstream's plugin name. */
  readonly name: string;
  readonly weight: number;
  readonly scores: (pod: Pod, infos: readonly NodeInfo[]) => readonly number[];
}

export const MAX_SCORE = 100;

/** Raw counts to 0…100, the largest getting 100; `reverse` where less is better. */
export function normalize(raw: readonly number[], reverse = false): number[] {
  const top = Math.max(0, ...raw);
  return raw.map((value) => {
    if (top === 0) return reverse ? MAX_SCORE : 0;
    const scaled = (value * MAX_SCORE) / top;
    return reverse ? MAX_SCORE - scaled : scaled;
  });
}
