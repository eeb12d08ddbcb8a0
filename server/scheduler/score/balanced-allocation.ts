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
    const more = { cpu: requests['cpu'] ?? 0, memory: requests['memory'] ?? 0 };
    if (more.cpu === 0 && more.memory === 0) return fitting.map(() => 0);
    return fitting.map(({ allocatable, requested }) => {
      const now = { cpu: requested['cpu'] ?? 0, memory: requested['memory'] ?? 0 };
      const then = { cpu: now.cpu + more.cpu, memory: now.memory + more.memory };
      const change = balance(then, allocatable) - balance(now, allocatable);
      return MAX_SCORE / 2 + Math.trunc((MAX_SCORE / 2 + change) / 2);
    });
  },
};

/** 50…100. The standard deviation of two shares is half their gap; one share alone is in balance. */
function balance(used: Readonly<Amounts>, allocatable: Readonly<Amounts>): number {
  const cpu = share(used['cpu'], allocatable['cpu']);
  const memory = share(used['memory'], allocatable['memory']);
  const gap = cpu === undefined || memory === undefined ? 0 : Math.abs(cpu - memory);
  return Math.trunc((1 - gap / 2) * MAX_SCORE);
}

const share = (used = 0, total = 0): number | undefined =>
  total === 0 ? undefined : Math.min(1, used / total);
