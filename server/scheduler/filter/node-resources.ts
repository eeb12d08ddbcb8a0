import { podRequests } from '../resources.plan.ts';
import type { Filter } from './filter.ts';

export const nodeResourcesFit: Filter = {
  name: 'NodeResourcesFit',
  reasons: (pod, { allocatable, requested, pods }) => {
    const reasons: string[] = [];
    if (pods.length + 1 > (allocatable['pods'] ?? 110)) reasons.push('Too many pods');
    for (const [name, amount] of Object.entries(podRequests(pod)))
      if (amount > 0 && amount > (allocatable[name] ?? 0) - (requested[name] ?? 0))
        reasons.push(`Insufficient ${name}`);
    return reasons;
  },
};
