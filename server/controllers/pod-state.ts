import type { Pod, PodCondition } from '#proto/schema/generated/core-v1.ts';
import { timeOf } from '#server/controllers/timestamps.ts';

export const podCondition = (pod: Pod, type: string): PodCondition | undefined =>
  pod.status?.conditions?.find((condition) => condition.type === type);

export const isPodReady = (pod: Pod): boolean => podCondition(pod, 'Ready')?.status === 'True';

/** Ran to its end, one way or the other. */
export const isPodTerminal = (pod: Pod): boolean =>
  pod.status?.phase === 'Failed' || pod.status?.phase === 'Succeeded';

/** Counts towards replicas: neither ended nor being deleted. */
export const isPodActive = (pod: Pod): boolean =>
  !isPodTerminal(pod) && pod.metadata.deletionTimestamp === undefined;

/** Milliseconds until the pod is available; 0: it is; undefined: not ready, so nobody knows. */
export function msUntilAvailable(pod: Pod, minReadySeconds: number, now: number): number | undefined {
  const ready = podCondition(pod, 'Ready');
  if (ready?.status !== 'True') return undefined;
  if (minReadySeconds === 0) return 0;
  if (!ready.lastTransitionTime) return undefined;
  return Math.max(0, timeOf(ready.lastTransitionTime) + minReadySeconds * 1000 - now);
}
