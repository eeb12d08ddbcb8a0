import type { Pod, Taint } from '#proto/schema/generated/core-v1.ts';
import { tolerates } from '#server/scheduler/filter/taint-toleration.ts';

/**
 * How long a pod may stay under these NoExecute taints: 0 not at all, undefined for ever. The shortest of the
 * tolerations that are needed counts.
 */
export function toleratedMs(pod: Pod, taints: readonly Taint[]): number | undefined {
  let shortest: number | undefined;
  for (const taint of taints) {
    const toleration = (pod.spec.tolerations ?? []).find((one) => tolerates(one, taint));
    if (!toleration) return 0;
    const seconds = toleration.tolerationSeconds;
    if (seconds === undefined) continue;
    shortest = Math.min(Math.max(0, seconds) * 1000, shortest ?? Number.POSITIVE_INFINITY);
  }
  return shortest;
}
