import { balancedAllocation } from './balanced-allocation.ts';
import { boardHealth } from './board-health.ts';
import { imageLocality } from './image-locality.ts';
import { interPodAffinity } from './inter-pod-affinity.ts';
import { leastAllocated } from './least-allocated.ts';
import { spread } from './pod-topology-spread.ts';
import { preferUntainted } from './prefer-untainted.ts';
import { preferredNodeAffinity } from './preferred-node-affinity.ts';
import type { Score } from './score.ts';

/** Upstream's, with its weights, and what boards say of themselves. */
export const SCORES: readonly Score[] = [
  leastAllocated,
  balancedAllocation,
  preferredNodeAffinity,
  preferUntainted,
  spread,
  interPodAffinity,
  imageLocality,
  boardHealth,
];
