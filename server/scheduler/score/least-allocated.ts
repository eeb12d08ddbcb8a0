import { MAX_SCORE, type Score } from './score.ts';

/** Spreads load: the node with the largest free share of CPU and memory after the Pod. What a node does not have does not count. */
export const leastAllocated: Score = {
  name: 'NodeResourcesFit',
  weight: 1,
  scores: (pod, fitting) =>
    fitting.map(({ allocatable, weight }) => {
      const cpu = free(allocatable['cpu'], weight['cpu'], pod.weight['cpu']);
      const memory = free(allocatable['memory'], weight['memory'], pod.weight['memory']);
      if (cpu === undefined || memory === undefined) return cpu ?? memory ?? 0;
      return Math.trunc((cpu + memory) / 2);
    }),
};

function free(total = 0, used = 0, more = 0): number | undefined {
  if (total === 0) return undefined;
  return Math.trunc((Math.max(0, total - used - more) * MAX_SCORE) / total);
}
