/** Builders for the tests of a board. */
import { parseThreshold } from '#agent/eviction/thresholds.plan.ts';
import type { NodeSample } from './metrics.ts';
import type { Reservations } from './reserved.plan.ts';

const MI = 1024 * 1024;

/** Of a board that is well. */
export const aSample = (overrides: Partial<NodeSample> = {}): NodeSample => ({
  atMs: 0,
  cpuPercent: 5,
  memoryTotalBytes: 1024 * MI,
  memoryAvailableBytes: 512 * MI,
  swapUsedBytes: 0,
  load1: 0.1,
  uptimeSeconds: 60,
  temperatureCelsius: 48.7,
  throttled: 0,
  card: { writeMs: 3, errors: 0, lifeUsedPercent: 20, isEndOfLife: false, isReadOnly: false },
  disk: { totalBytes: 32e9, availableBytes: 16e9, inodes: 1_000_000, freeInodes: 800_000 },
  network: { receivedBytes: 0, sentBytes: 0 },
  processes: 200,
  maxProcesses: 32_768,
  ...overrides,
});

/** A board that keeps nothing for itself but what eviction does. */
export const noReservations: Reservations = {
  systemReserved: [],
  kubeReserved: [],
  evictionHard: ['memory.available<100Mi', 'nodefs.available<10%'].map(parseThreshold),
  maxPods: 110,
};
