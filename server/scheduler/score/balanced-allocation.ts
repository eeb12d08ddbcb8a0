import type { Amounts } from '../resources.plan.ts';
import { MAX_SCORE, type Score } from './score.ts';

/**
 * Keeps CPU and memory in proportion, so that neither is stranded: 75 where the Pod leaves the proportion as it is, up to 100
 * where it mends it, down to 50 where it spoils it. A Pod that asks for nothing has no preference. Rule: upstream's
 * NodeResourcesBalancedAllocation since 1.36.
 */
export const balancedAllocation: Score = {
  name: 'NodeResourcesBalancedAllocation',
  weight: 1,
  scores: ({ requests }, fitting) => {
    if (requests.cpu === 0 && requests.memory === 0) return undefined;
    return fitting.map(({ allocatable, requested }) => {
      const { cpu, memory } = requested;
      const change =
        balance(cpu + requests.cpu, memory + requests.memory, allocatable) -
        balance(cpu, memory, allocatable);
      return MAX_SCORE / 2 + Math.trunc((MAX_SCORE / 2 + change) / 2);
    });
  },
};

/** 50…100. The standard deviation of two shares is half their gap; one share alone is in balance. */
function balance(cpu: number, memory: number, allocatable: Readonly<Amounts>): number {
  if (allocatable.cpu === 0 || allocatable.memory === 0) return MAX_SCORE;
  const gap = Math.min(1, cpu / allocatable.cpu) - Math.min(1, memory / allocatable.memory);
  return Math.trunc((1 - Math.abs(gap) / 2) * MAX_SCORE);
}
