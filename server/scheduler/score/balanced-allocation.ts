import { podWeight } from '../resources.plan.ts';
import { MAX_SCORE, type Score } from './score.ts';

/** Keeps CPU and memory in proportion, so that neither is stranded: the standard deviation of two shares is half their gap. */
export const balancedAllocation: Score = {
  name: 'NodeResourcesBalancedAllocation',
  weight: 1,
  scores: (pod, infos) => {
    const more = podWeight(pod);
    return infos.map(({ allocatable, weight }) => {
      const share = (name: string): number => {
        const total = allocatable[name] ?? 0;
        return total === 0 ? 1 : Math.min(1, ((weight[name] ?? 0) + (more[name] ?? 0)) / total);
      };
      return (1 - Math.abs(share('cpu') - share('memory')) / 2) * MAX_SCORE;
    });
  },
};
