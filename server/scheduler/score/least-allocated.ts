import { MAX_SCORE, type Score } from './score.ts';

/** Spreads load: the node with the largest free share of CPU and memory after the Pod. What a node does not have does not count. */
export const leastAllocated: Score = {
  name: 'NodeResourcesFit',
  weight: 1,
  scores: (pod, fitting) =>
    fitting.map(({ allocatable, weight }) => {
      const cpu = free(allocatable.cpu, weight.cpu + pod.weight.cpu);
      const memory = free(allocatable.memory, weight.memory + pod.weight.memory);
      if (cpu < 0 || memory < 0) return Math.max(0, cpu, memory);
      return Math.trunc((cpu + memory) / 2);
    }),
};

/** -1 for what the node does not have. */
function free(total: number, used: number): number {
  if (total === 0) return -1;
  return Math.trunc((Math.max(0, total - used) * MAX_SCORE) / total);
}
