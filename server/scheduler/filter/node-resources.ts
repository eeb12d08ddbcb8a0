import type { Filter } from './filter.ts';

/** A node that does not say how many Pods it takes, or how much of something it has, has none. */
export const nodeResourcesFit: Filter = {
  name: 'NodeResourcesFit',
  reasons: ({ requests }, { allocatable, requested, pods }) => {
    const reasons: string[] = [];
    if (pods.length + 1 > (allocatable['pods'] ?? 0)) reasons.push('Too many pods');
    for (const name in requests) {
      const amount = requests[name] ?? 0;
      if (amount > 0 && amount > (allocatable[name] ?? 0) - (requested[name] ?? 0))
        reasons.push(`Insufficient ${name}`);
    }
    return reasons;
  },
};
