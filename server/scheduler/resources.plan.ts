import { milliValue, quantityValue } from '#proto/meta/quantity.ts';
import type { Container, ContainerStatus, Pod } from '#proto/schema/generated/core-v1.ts';

/**
 * Amounts of what nodes have and Pods ask for: `cpu` in milli-CPUs, everything else in whole units (bytes, pods, devices). The
 * four that every Pod is checked for have fields of their own: they are compared for each Pod on each node.
 */
export interface Amounts {
  cpu: number;
  memory: number;
  storage: number;
  pods: number;
  /** Huge pages and extended resources by name; undefined where there are none. */
  others: Record<string, number> | undefined;
}

const FIELDS = { cpu: 'cpu', memory: 'memory', 'ephemeral-storage': 'storage', pods: 'pods' } as const;

export const noAmounts = (): Amounts => ({ cpu: 0, memory: 0, storage: 0, pods: 0, others: undefined });

/** The amount of one resource by its Kubernetes name. */
export function amountOf(amounts: Readonly<Amounts>, name: string): number {
  return isField(name) ? amounts[FIELDS[name]] : (amounts.others?.[name] ?? 0);
}

const isField = (name: string): name is keyof typeof FIELDS => Object.hasOwn(FIELDS, name);

function setAmount(amounts: Amounts, name: string, amount: number): void {
  if (isField(name)) {
    amounts[FIELDS[name]] = amount;
    return;
  }
  amounts.others ??= {};
  amounts.others[name] = amount;
}

const read = (name: string, text: string): number =>
  name === 'cpu' ? milliValue(text) : quantityValue(text);

export function amountsOf(list: Readonly<Record<string, string>> | undefined): Amounts {
  const amounts = noAmounts();
  for (const name in list) setAmount(amounts, name, read(name, list[name] ?? ''));
  return amounts;
}

/** `into` plus `times` times `more`. Whole numbers: what was added can be taken off again without a rest. */
export function addAmounts(into: Amounts, more: Readonly<Amounts>, times = 1): void {
  into.cpu += times * more.cpu;
  into.memory += times * more.memory;
  into.storage += times * more.storage;
  into.pods += times * more.pods;
  if (!more.others) return;
  into.others ??= {};
  for (const name in more.others)
    into.others[name] = (into.others[name] ?? 0) + times * (more.others[name] ?? 0);
}

export const copyAmounts = (amounts: Readonly<Amounts>): Amounts => ({
  ...amounts,
  others: amounts.others && { ...amounts.others },
});

/** Is there less of anything than before? */
export const holdsLess = (before: Readonly<Amounts>, now: Readonly<Amounts>): boolean =>
  now.cpu < before.cpu ||
  now.memory < before.memory ||
  now.storage < before.storage ||
  Object.entries(before.others ?? {}).some(([name, amount]) => (now.others?.[name] ?? 0) < amount);

function max(a: Readonly<Amounts>, b: Readonly<Amounts>): Amounts {
  const out: Amounts = {
    cpu: Math.max(a.cpu, b.cpu),
    memory: Math.max(a.memory, b.memory),
    storage: Math.max(a.storage, b.storage),
    pods: Math.max(a.pods, b.pods),
    others: a.others && { ...a.others },
  };
  for (const name in b.others) setAmount(out, name, Math.max(out.others?.[name] ?? 0, b.others[name] ?? 0));
  return out;
}

const isSidecar = (container: Container): boolean => container.restartPolicy === 'Always';

/**
 * What a Pod asks of its node. Init containers run one after the other, each beside the sidecars that were started before
 * it; app containers beside all sidecars; the Pod needs the larger of the two, plus its overhead. Rule: KEP-753.
 * `read` gives the amounts of one container.
 */
function podAmounts(pod: Pod, of: (container: Container) => Amounts): Amounts {
  const running = noAmounts();
  let peak: Amounts | undefined;
  for (const container of pod.spec.initContainers ?? []) {
    const own = of(container);
    if (isSidecar(container)) {
      addAmounts(running, own);
      peak = max(peak ?? noAmounts(), running);
    } else {
      addAmounts(own, running);
      peak = max(peak ?? noAmounts(), own);
    }
  }
  for (const container of pod.spec.containers) addAmounts(running, of(container));
  const total = peak ? max(running, peak) : running;
  const { resources, overhead } = pod.spec;
  for (const name in resources?.requests)
    if (isPodLevel(name)) setAmount(total, name, read(name, resources.requests[name] ?? ''));
  if (overhead) addAmounts(total, amountsOf(overhead));
  return total;
}

const isPodLevel = (name: string): boolean =>
  name === 'cpu' || name === 'memory' || name.startsWith('hugepages-');

/**
 * What one container holds: while a resize is under way the larger of what it has and what it asks for, and what it has alone
 * where the node has refused the resize for good. Rule: KEP-1287.
 */
function containerAmounts(pod: Pod): (container: Container) => Amounts {
  const { containerStatuses, initContainerStatuses, conditions } = pod.status ?? {};
  const asked = (container: Container): Amounts => amountsOf(container.resources?.requests);
  if (!containerStatuses && !initContainerStatuses) return asked;
  const refused = (conditions ?? []).some(
    (c) => c.type === 'PodResizePending' && c.status === 'True' && c.reason === 'Infeasible',
  );
  const statuses = new Map<string, ContainerStatus>();
  for (const status of [...(containerStatuses ?? []), ...(initContainerStatuses ?? [])])
    statuses.set(status.name, status);
  return (container) => {
    const status = statuses.get(container.name);
    if (!status?.resources) return asked(container);
    const held = max(amountsOf(status.resources.requests), amountsOf(status.allocatedResources));
    return refused ? held : max(asked(container), held);
  };
}

export const podRequests = (pod: Pod): Amounts => podAmounts(pod, containerAmounts(pod));

/** A container that asks for nothing still weighs something when nodes are compared: upstream's 100m and 200 MiB. */
const UNASKED = { cpu: 100, memory: 200 * 1024 * 1024 };

export function podWeight(pod: Pod): Amounts {
  const of = containerAmounts(pod);
  return podAmounts(pod, (container) => {
    const amounts = of(container);
    const { requests } = container.resources ?? {};
    if (requests?.['cpu'] === undefined && amounts.cpu === 0) amounts.cpu = UNASKED.cpu;
    if (requests?.['memory'] === undefined && amounts.memory === 0) amounts.memory = UNASKED.memory;
    return amounts;
  });
}
