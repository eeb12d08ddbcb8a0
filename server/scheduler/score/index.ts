import { balancedAllocation } from './balanced-allocation.ts';
import { leastAllocated } from './least-allocated.ts';
import { preferUntainted } from './prefer-untainted.ts';
import { preferredNodeAffinity } from './preferred-node-affinity.ts';
import type { Score } from './score.ts';
import { spread } from './spread.ts';

export const SCORES: readonly Score[] = [
  leastAllocated,
  balancedAllocation,
  preferredNodeAffinity,
  preferUntainted,
  spread,
];
