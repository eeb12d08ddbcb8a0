import { MAX_SCORE, type Score } from './score.ts';

/** Spreads load: the node with the largest free share of CPU and memory after the Pod. What a node does not have does not count. */
export const leastAllocated: Score = {
  name: 'NodeResourcesFit',
  weight: 1,
  scores: (pod, fitting) =>
    fitting.map(({ allocatable, weight }) => {
      const shares = ['cpu', 'memory'].flatMap((name) => {
        const total = allocatable[name] ?? 0;
        const left = total - (weight[name] ?? 0) - (pod.weight[name] ?? 0);
        return total === 0 ? [] : [left < 0 ? 0 : Math.trunc((left * MAX_SCORE) / total)];
      });
      return shares.length === 0 ? 0 : Math.trunc(shares.reduce((a, b) => a + b) / shares.length);
    }),
};
