import { podWeight } from '../resources.plan.ts';
import { MAX_SCORE, type Score } from './score.ts';

/** Spreads load: the node with the largest free share of CPU and memory after the Pod. */
export const leastAllocated: Score = {
  name: 'NodeResourcesFit',
  weight: 1,
  scores: (pod, infos) => {
    const more = podWeight(pod);
    return infos.map(({ allocatable, weight }) => {
      const free = (name: string): number => {
        const total = allocatable[name] ?? 0;
        const left = total - (weight[name] ?? 0) - (more[name] ?? 0);
        return total === 0 || left < 0 ? 0 : (left * MAX_SCORE) / total;
      };
      return (free('cpu') + free('memory')) / 2;
    });
  },
};
