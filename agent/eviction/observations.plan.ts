import type { NodeSample } from '#agent/node/metrics.ts';
import type { Observations } from './pressure.plan.ts';

/**
 * What a sample says of each signal. On a board with one file system the thresholds of `nodefs` speak for images too: the kubelet
 * looks at both, and a 32 GB card would then be "full" with 5 GB free.
 */
export function observationsOf(sample: NodeSample): Observations {
  const { disk, imageDisk, podsMemory } = sample;
  return {
    'memory.available': { available: sample.memoryAvailableBytes, capacity: sample.memoryTotalBytes },
    ...(podsMemory && {
      'allocatableMemory.available': {
        available: Math.max(0, podsMemory.limitBytes - podsMemory.workingSetBytes),
        capacity: podsMemory.limitBytes,
      },
    }),
    ...(disk.totalBytes > 0 && {
      'nodefs.available': { available: disk.availableBytes, capacity: disk.totalBytes },
    }),
    ...(disk.inodes > 0 && { 'nodefs.inodesFree': { available: disk.freeInodes, capacity: disk.inodes } }),
    ...(imageDisk &&
      imageDisk.totalBytes > 0 && {
        'imagefs.available': { available: imageDisk.availableBytes, capacity: imageDisk.totalBytes },
      }),
    ...(imageDisk &&
      imageDisk.inodes > 0 && {
        'imagefs.inodesFree': { available: imageDisk.freeInodes, capacity: imageDisk.inodes },
      }),
    'pid.available': { available: sample.maxProcesses - sample.processes, capacity: sample.maxProcesses },
  };
}
