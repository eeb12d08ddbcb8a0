/**
 * What of the board Pods may have: its capacity, less what the system and Coracle keep for themselves, less what hard eviction
 * thresholds keep free. Pure. Rule: the kubelet's node allocatable.
 */
import { type SignalValue, thresholdAmount } from '#agent/eviction/thresholds.plan.ts';
import type { CgroupLimits } from '#agent/runtime/cgroup/cgroups.ts';
import {
  bytesQuantity,
  compareQuantities,
  milliValue,
  parseQuantity,
  quantityValue,
  subtractQuantities,
} from '#proto/meta/quantity.ts';

export interface Reserved {
  readonly name: string;
  readonly quantity: string;
}

/** Options of the board that say how much of it is for Pods. */
export interface Reservations {
  readonly systemReserved: readonly Reserved[];
  readonly kubeReserved: readonly Reserved[];
  readonly evictionHard: readonly SignalValue[];
  readonly maxPods: number;
}

const RESERVABLE = ['cpu', 'memory', 'ephemeral-storage', 'pid'];

/** `cpu=100m`. Throws an Error that says what would be right. */
export function parseReserved(text: string): Reserved {
  const [name = '', quantity = ''] = text.split('=', 2).map((part) => part.trim());
  if (!RESERVABLE.includes(name))
    throw new Error(`cannot reserve "${name}": one of ${RESERVABLE.join(', ')}`);
  if (parseQuantity(quantity).unscaled < 0n)
    throw new Error(`resource quantity for "${name}" cannot be negative: ${quantity}`);
  return { name, quantity };
}

export interface BoardSize {
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly diskBytes: number;
}

type Amounts = Readonly<Record<string, string>>;

export function capacityOf({ cpus, memoryBytes, diskBytes }: BoardSize, maxPods: number): Amounts {
  return {
    cpu: String(cpus),
    'ephemeral-storage': bytesQuantity(diskBytes),
    memory: bytesQuantity(memoryBytes),
    pods: String(maxPods),
  };
}

/** For the scheduler. Never below zero: a board that is smaller than what is reserved takes no Pods. */
export function allocatableOf(size: BoardSize, reservations: Reservations): Amounts {
  const kept = {
    memory: eviction(reservations, 'memory.available', size.memoryBytes),
    'ephemeral-storage': eviction(reservations, 'nodefs.available', size.diskBytes),
  };
  return lessen(lessen(capacityOf(size, reservations.maxPods), reserved(reservations)), Object.entries(kept));
}

/** For the cgroup around all Pods: without what eviction keeps free, so that eviction comes before the kernel kills. */
export function podsLimits(size: BoardSize, reservations: Reservations, maxPids: number): CgroupLimits {
  const left = lessen(capacityOf(size, reservations.maxPods), reserved(reservations));
  const pids = [...reservations.systemReserved, ...reservations.kubeReserved].filter(
    ({ name }) => name === 'pid',
  );
  const keptPids = pids.reduce((sum, { quantity }) => sum + quantityValue(quantity), 0);
  return {
    cpuShares: Math.max(2, Math.floor((milliValue(left['cpu']) * 1024) / 1000)),
    cpuQuotaUs: 0,
    cpuPeriodUs: 100_000,
    memoryLimitBytes: quantityValue(left['memory']),
    ...(keptPids > 0 ? { pidsLimit: Math.max(1, maxPids - keptPids) } : {}),
  };
}

const reserved = ({ systemReserved, kubeReserved }: Reservations): [string, string][] =>
  [...systemReserved, ...kubeReserved].map(({ name, quantity }) => [name, quantity]);

function lessen(amounts: Amounts, by: readonly (readonly [string, string])[]): Amounts {
  const left = { ...amounts };
  for (const [name, quantity] of by) {
    const had = left[name];
    if (had === undefined) continue;
    left[name] = compareQuantities(had, quantity) > 0 ? subtractQuantities(had, quantity) : '0';
  }
  return left;
}

function eviction({ evictionHard }: Reservations, signal: SignalValue['signal'], capacity: number): string {
  const value = evictionHard.find((one) => one.signal === signal)?.value;
  return bytesQuantity(value ? thresholdAmount(value, capacity) : 0);
}
