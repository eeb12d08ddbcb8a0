import { podLimits } from '#agent/runtime/cgroup/pod-resources.plan.ts';
import { quantityValue } from '#proto/meta/quantity.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';

/**
 * How large an `emptyDir` in memory may grow, in bytes: what all Pods together may have, or less where the Pod may have less,
 * or the volume. 0: nothing says anything, and the kernel gives it half of the memory. Rule: KEP-1967.
 */
export function memorySize(pod: Pod, sizeLimit: string | undefined, allocatable: string | undefined): number {
  const node = allocatable === undefined ? 0 : quantityValue(allocatable);
  const ofPod = podLimits(pod).memoryLimitBytes;
  const ofVolume = sizeLimit === undefined ? 0 : quantityValue(sizeLimit);
  return [node, ofPod, ofVolume].reduce(
    (size, limit) => (limit > 0 && (size === 0 || limit < size) ? limit : size),
    0,
  );
}
