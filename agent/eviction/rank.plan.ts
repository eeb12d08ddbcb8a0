/**
 * Whom an eviction takes first, and what it says. Pure. Rule: the kubelet's `eviction/helpers.go`: usage beyond the request, then
 * priority, then how far beyond.
 */
import { podAmounts } from '#proto/api/core/amounts.ts';
import { bytesQuantity, quantityValue } from '#proto/meta/quantity.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import type { Observations } from './pressure.plan.ts';
import { SIGNALS, type Threshold, thresholdAmount } from './thresholds.plan.ts';

export interface DiskUse {
  readonly bytes: number;
  readonly inodes: number;
}

/** What one Pod uses now. */
export interface PodUse {
  readonly memoryBytes: number;
  readonly processes: number;
  /** What it wrote, all of it: layers, logs, local volumes. */
  readonly disk: DiskUse;
  readonly containers: readonly {
    readonly name: string;
    readonly memoryBytes: number;
    /** Layer and logs. */
    readonly disk: DiskUse;
  }[];
}

export interface Candidate {
  readonly pod: Pod;
  /** Undefined for a Pod of which nothing could be measured: it goes first. */
  readonly use: PodUse | undefined;
}

type Resource = (typeof SIGNALS)[keyof typeof SIGNALS]['resource'];

/** Pods on which the board itself depends: never evicted. Rule: the kubelet's `IsCriticalPod`. */
export function isCritical({ metadata, spec }: Pod): boolean {
  const source = metadata.annotations?.['kubernetes.io/config.source'];
  const mirror = metadata.annotations?.['kubernetes.io/config.mirror'] !== undefined;
  return (source !== undefined && source !== 'api') || mirror || (spec.priority ?? 0) >= 2_000_000_000;
}

/** The first to go first. */
export function rankForEviction(candidates: readonly Candidate[], resource: Resource): readonly Candidate[] {
  return [...candidates].sort((a, b) => {
    if (!a.use || !b.use) return Number(!b.use) - Number(!a.use);
    const beyond = resource === 'pids' ? 0 : Number(exceeds(b, resource)) - Number(exceeds(a, resource));
    return (
      beyond ||
      (a.pod.spec.priority ?? 0) - (b.pod.spec.priority ?? 0) ||
      excess(b, resource) - excess(a, resource)
    );
  });
}

const exceeds = (one: Candidate, resource: Resource): boolean => excess(one, resource) > 0;

/** How much more than it asked for; of process ids and inodes nobody can ask for any. */
function excess({ pod, use }: Candidate, resource: Resource): number {
  if (!use) return Number.POSITIVE_INFINITY;
  switch (resource) {
    case 'memory':
      return use.memoryBytes - quantityValue(podAmounts(pod.spec, 'requests')['memory']);
    case 'ephemeral-storage':
      return use.disk.bytes - quantityValue(podAmounts(pod.spec, 'requests')['ephemeral-storage']);
    case 'inodes':
      return use.disk.inodes;
    case 'pids':
      return use.processes;
  }
}

/** The event's and the status's sentence. */
export function evictionMessage(
  { pod, use }: Candidate,
  resource: Resource,
  thresholds: readonly Threshold[],
  observations: Observations,
): string {
  let text = `The node was low on resource: ${resource}. `;
  const amount = (value: number): string =>
    resource === 'inodes' || resource === 'pids' ? String(value) : bytesQuantity(value);
  const threshold = thresholds.find(({ signal }) => SIGNALS[signal].resource === resource);
  const seen = threshold && observations[threshold.signal];
  if (threshold && seen) {
    const limit = amount(thresholdAmount(threshold.value, seen.capacity));
    text += `Threshold quantity: ${limit}, available: ${amount(seen.available)}. `;
  }
  if (!use || resource === 'inodes' || resource === 'pids') return text;
  const specs = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])];
  for (const { name, memoryBytes, disk } of use.containers) {
    const spec = specs.find((container) => container.name === name);
    if (!spec) continue;
    const used = resource === 'memory' ? memoryBytes : disk.bytes;
    const request = spec.resources?.requests?.[resource] ?? '0';
    if (used > quantityValue(request))
      text += `Container ${name} was using ${bytesQuantity(used)}, request is ${request}, has larger consumption of ${resource}. `;
  }
  return text;
}
