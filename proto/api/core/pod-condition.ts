import { timestamp } from '#proto/meta/timestamp.ts';
import type { Pod, PodCondition } from '#proto/schema/generated/core-v1.ts';

/** `conditions` with this one in the place of the one of its type. */
export function withPodCondition(
  pod: Pod,
  condition: Pick<PodCondition, 'type' | 'status' | 'reason' | 'message'>,
  now: number,
): PodCondition[] {
  const conditions = pod.status?.conditions ?? [];
  const known = conditions.find(({ type }) => type === condition.type);
  const lastTransitionTime = known?.status === condition.status ? known.lastTransitionTime : timestamp(now);
  const next: PodCondition = { ...known, ...condition, lastTransitionTime };
  return known ? conditions.map((one) => (one === known ? next : one)) : [...conditions, next];
}
