/** Quality of service, and what it makes of a container's resources in the kernel's terms. */
import { milliValue, quantityValue } from '#proto/meta/quantity.ts';
import type { Container, EphemeralContainer, Pod, ResourceList } from '#proto/schema/generated/core-v1.ts';

export type QosClass = 'Guaranteed' | 'Burstable' | 'BestEffort';

const COUNTED = ['cpu', 'memory'] as const;

/** Rule: upstream's `ComputePodQOS`: over cpu and memory of init and app containers alike. */
export function qosClass(pod: Pod): QosClass {
  const known = pod.status?.qosClass;
  if (known === 'Guaranteed' || known === 'Burstable' || known === 'BestEffort') return known;
  const all = [...(pod.spec.initContainers ?? []), ...pod.spec.containers].map((c) => c.resources);
  const lists = pod.spec.resources ? [pod.spec.resources] : all;
  const nonZero = (list: ResourceList | undefined, name: (typeof COUNTED)[number]): boolean =>
    quantity(list, name) > 0;
  const some = lists.some((r) =>
    COUNTED.some((name) => nonZero(r?.requests, name) || nonZero(r?.limits, name)),
  );
  if (!some) return 'BestEffort';
  const guaranteed = lists.every((r) =>
    COUNTED.every((name) => {
      const limit = quantity(r?.limits, name);
      const request = r?.requests?.[name] === undefined ? limit : quantity(r.requests, name);
      return limit > 0 && request === limit;
    }),
  );
  return guaranteed ? 'Guaranteed' : 'Burstable';
}

function quantity(list: ResourceList | undefined, name: (typeof COUNTED)[number]): number {
  const text = list?.[name];
  if (text === undefined) return 0;
  return name === 'cpu' ? milliValue(text) : quantityValue(text);
}

export interface KernelResources {
  readonly cpuShares: number;
  readonly cpuQuotaUs: number;
  readonly cpuPeriodUs: number;
  readonly memoryLimitBytes: number;
  readonly oomScoreAdj: number;
}

const PERIOD_US = 100_000;

/** A container's share of CPU and memory; `memoryCapacityBytes` is the board's, for the out-of-memory score. */
export function kernelResources(
  pod: Pod,
  container: Container | EphemeralContainer,
  memoryCapacityBytes: number,
): KernelResources {
  const { limits, requests } = container.resources ?? {};
  const cpuLimit = quantity(limits, 'cpu');
  const cpuRequest = requests?.['cpu'] === undefined ? cpuLimit : quantity(requests, 'cpu');
  const memoryLimit = quantity(limits, 'memory');
  const memoryRequest = requests?.['memory'] === undefined ? memoryLimit : quantity(requests, 'memory');
  return {
    cpuShares: Math.min(262_144, Math.max(2, Math.floor((cpuRequest * 1024) / 1000))),
    cpuQuotaUs: cpuLimit > 0 ? Math.max(1000, Math.ceil((cpuLimit * PERIOD_US) / 1000)) : 0,
    cpuPeriodUs: PERIOD_US,
    memoryLimitBytes: memoryLimit,
    oomScoreAdj: oomScore(pod, memoryRequest, memoryCapacityBytes),
  };
}

/** Rule: upstream's `GetContainerOOMScoreAdjust`: the more of the board is asked for, the later it is killed. */
function oomScore(pod: Pod, memoryRequest: number, capacity: number): number {
  if ((pod.spec.priority ?? 0) >= 2_000_000_000) return -997;
  switch (qosClass(pod)) {
    case 'Guaranteed':
      return -997;
    case 'BestEffort':
      return 1000;
    case 'Burstable': {
      const score = 1000 - Math.floor((1000 * memoryRequest) / Math.max(1, capacity));
      return Math.min(999, Math.max(3, score));
    }
  }
}

/** Where the pod's cgroup lies, below the cgroup root. */
export function cgroupOf(pod: Pod): string {
  const qos = qosClass(pod);
  const name = `pod${pod.metadata.uid}`;
  return qos === 'Guaranteed' ? `/kubepods/${name}` : `/kubepods/${qos.toLowerCase()}/${name}`;
}
