import { kernelResources } from '#agent/pod/qos.plan.ts';
import type { Container, Pod } from '#proto/schema/generated/core-v1.ts';
import type { CgroupLimits } from './cgroups.ts';

const PERIOD_US = 100_000;

/**
 * What the whole pod may use. Rule: upstream's `ResourceConfigForPod`: shares are what the pod asks for; a quota or a
 * memory limit holds only if every container has one, else some container has none. Init containers run one by one, so the
 * largest counts, together with the sidecars that were started before it. What the pod itself names goes before the sum.
 */
export function podLimits(pod: Pod): CgroupLimits {
  const shares = total(pod, (container) => kernelResources(pod, container, 0).cpuShares, 2);
  const quota = total(pod, (container) => kernelResources(pod, container, 0).cpuQuotaUs, undefined);
  const memory = total(pod, (container) => kernelResources(pod, container, 0).memoryLimitBytes, undefined);
  const { limits, requests } = pod.spec.resources ?? {};
  const own = kernelResources(
    pod,
    { name: '', resources: { limits: limits ?? {}, requests: requests ?? {} } },
    0,
  );
  // What the runtime itself needs around the containers comes on top of each limit that there is.
  const overhead = kernelResources(
    pod,
    { name: '', resources: { limits: pod.spec.overhead ?? {}, requests: pod.spec.overhead ?? {} } },
    0,
  );
  const on = (limit: number, more: number): number => (limit > 0 ? limit + more : 0);
  const ownShares = requests?.['cpu'] ? own.cpuShares : shares;
  const moreShares = pod.spec.overhead?.['cpu'] ? overhead.cpuShares : 0;
  const memoryLimitBytes = on(limits?.['memory'] ? own.memoryLimitBytes : memory, overhead.memoryLimitBytes);
  return {
    cpuShares: Math.min(262_144, Math.max(2, ownShares + moreShares)),
    cpuQuotaUs: on(limits?.['cpu'] ? own.cpuQuotaUs : quota, overhead.cpuQuotaUs),
    cpuPeriodUs: PERIOD_US,
    memoryLimitBytes,
    // A limit that could be evaded into compressed swap would be none. Without one, a Pod may be swapped.
    noSwap: memoryLimitBytes > 0,
  };
}

/**
 * What all pods of a class have together: a share of the CPU as large as all they ask for, and no limit. Rule: upstream's
 * `setCPUCgroupConfig`; those that ask for nothing get what others leave, however many they are.
 */
export function classLimits(pods: readonly Pod[]): CgroupLimits {
  const active = pods.filter(({ status }) => status?.phase !== 'Succeeded' && status?.phase !== 'Failed');
  const shares = active.map((pod) => podLimits(pod).cpuShares).filter((amount) => amount > 2);
  const sum = shares.reduce((all, amount) => all + amount, 0);
  return {
    cpuShares: Math.min(262_144, Math.max(2, sum)),
    cpuQuotaUs: 0,
    cpuPeriodUs: PERIOD_US,
    memoryLimitBytes: 0,
  };
}

/** `nothing` is what a container without a wish counts; undefined: then the pod has no limit at all, which is 0. */
function total(pod: Pod, of: (container: Container) => number, nothing: number | undefined): number {
  const init = pod.spec.initContainers ?? [];
  if (nothing === undefined && [...init, ...pod.spec.containers].some((c) => of(c) === 0)) return 0;
  // Shares of 2 stand for no request: they do not add up.
  const amount = (container: Container): number => (of(container) === nothing ? 0 : of(container));
  let sidecars = 0;
  let peak = 0;
  for (const container of init) {
    if (container.restartPolicy === 'Always') sidecars += amount(container);
    peak = Math.max(peak, container.restartPolicy === 'Always' ? sidecars : sidecars + amount(container));
  }
  return Math.max(
    peak,
    sidecars + pod.spec.containers.reduce((sum, container) => sum + amount(container), 0),
  );
}
