import type { DaemonSet } from '#proto/schema/generated/apps-v1.ts';
import { resolveIntOrPercent } from '#server/controllers/int-or-percent.ts';

/** How many nodes a rolling update may leave without an available Pod, or give a second one. */
export interface Budget {
  readonly maxUnavailable: number;
  readonly maxSurge: number;
}

/** Percentages of `desired` are rounded up; both zero is impossible, and means one unavailable. */
export function planBudget(set: DaemonSet, desired: number): Budget {
  const { type, rollingUpdate } = set.spec.updateStrategy ?? {};
  if (type === 'OnDelete') return { maxUnavailable: 0, maxSurge: 0 };
  const maxUnavailable = resolveIntOrPercent(rollingUpdate?.maxUnavailable ?? 1, desired, 'up');
  const maxSurge = resolveIntOrPercent(rollingUpdate?.maxSurge ?? 0, desired, 'up');
  return { maxUnavailable: maxUnavailable === 0 && maxSurge === 0 ? 1 : maxUnavailable, maxSurge };
}

/** May a node have two Pods for a while? So says the strategy, whatever the number of nodes. */
export const allowsSurge = (set: DaemonSet): boolean => planBudget(set, 100).maxSurge > 0;
