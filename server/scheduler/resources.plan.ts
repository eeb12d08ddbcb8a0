import { milliValue, quantityValue } from '#proto/meta/quantity.ts';
import type { Container, ContainerStatus, Pod } from '#proto/schema/generated/core-v1.ts';

/** Amounts by resource name: `cpu` in milli-CPUs, everything else in whole units (bytes, pods, devices). */
export type Amounts = Record<string, number>;

const amountOf = (name: string, text: string | undefined): number =>
  name === 'cpu' ? milliValue(text) : quantityValue(text);

export function amountsOf(list: Readonly<Record<string, string>> | undefined): Amounts {
  const amounts: Amounts = {};
  for (const [name, text] of Object.entries(list ?? {})) amounts[name] = amountOf(name, text);
  return amounts;
}

export function addAmounts(into: Amounts, more: Readonly<Amounts>): void {
  for (const [name, amount] of Object.entries(more)) into[name] = (into[name] ?? 0) + amount;
}

const max = (a: Amounts, b: Amounts): Amounts => {
  const out: Amounts = { ...a };
  for (const [name, amount] of Object.entries(b)) out[name] = Math.max(out[name] ?? 0, amount);
  return out;
};

const isSidecar = (container: Container): boolean => container.restartPolicy === 'Always';

/**
 * What a Pod asks of its node. Init containers run one after the other, each beside the sidecars that were started before
 * it; app containers beside all sidecars; the Pod needs the larger of the two, plus its overhead. Rule: KEP-753.
 * `read` gives the amounts of one container.
 */
function podAmounts(pod: Pod, read: (container: Container) => Amounts): Amounts {
  const sidecars: Amounts = {};
  let peak: Amounts = {};
  for (const container of pod.spec.initContainers ?? []) {
    const own = read(container);
    if (isSidecar(container)) addAmounts(sidecars, own);
    const during = isSidecar(container) ? { ...sidecars } : { ...own };
    if (!isSidecar(container)) addAmounts(during, sidecars);
    peak = max(peak, during);
  }
  const running: Amounts = { ...sidecars };
  for (const container of pod.spec.containers) addAmounts(running, read(container));
  const total = max(running, peak);
  for (const [name, text] of Object.entries(pod.spec.resources?.requests ?? {}))
    if (isPodLevel(name)) total[name] = amountOf(name, text);
  addAmounts(total, amountsOf(pod.spec.overhead));
  return total;
}

const isPodLevel = (name: string): boolean =>
  name === 'cpu' || name === 'memory' || name.startsWith('hugepages-');

/**
 * What one container holds: while a resize is under way the larger of what it has and what it asks for, and what it has alone
 * where the node has refused the resize for good. Rule: KEP-1287.
 */
function containerAmounts(pod: Pod): (container: Container) => Amounts {
  const { containerStatuses = [], initContainerStatuses = [], conditions = [] } = pod.status ?? {};
  const refused = conditions.some(
    (c) => c.type === 'PodResizePending' && c.status === 'True' && c.reason === 'Infeasible',
  );
  const statuses = new Map<string, ContainerStatus>();
  for (const status of [...containerStatuses, ...initContainerStatuses]) statuses.set(status.name, status);
  return (container) => {
    const asked = amountsOf(container.resources?.requests);
    const status = statuses.get(container.name);
    if (!status?.resources) return asked;
    const held = max(amountsOf(status.resources.requests), amountsOf(status.allocatedResources));
    return refused ? held : max(asked, held);
  };
}

export const podRequests = (pod: Pod): Amounts => podAmounts(pod, containerAmounts(pod));

/** A container that asks for nothing still weighs something when nodes are compared: upstream's 100m and 200 MiB. */
const UNASKED: Readonly<Amounts> = { cpu: 100, memory: 200 * 1024 * 1024 };

export function podWeight(pod: Pod): Amounts {
  const read = containerAmounts(pod);
  return podAmounts(pod, (container) => ({ ...UNASKED, ...read(container) }));
}
