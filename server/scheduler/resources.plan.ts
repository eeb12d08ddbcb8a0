import { milliValue, quantityValue } from '#proto/meta/quantity.ts';
import type { Container, Pod } from '#proto/schema/generated/core-v1.ts';

/** Amounts by resource name: `cpu` in milli-CPUs, everything else in whole units (bytes, pods, devices). */
export type Amounts = Record<string, number>;

const amountOf = (name: string, text: string | undefined): number =>
  name === 'cpu' ? milliValue(text) : quantityValue(text);

export function amountsOf(list: Readonly<Record<string, string>> | undefined): Amounts {
  const amounts: Amounts = {};
  for (const [name, text] of Object.entries(list ?? {})) amounts[name] = amountOf(name, text);
  return amounts;
}

export function addAmounts(into: Amounts, more: Readonly<Amounts>, sign: 1 | -1 = 1): void {
  for (const [name, amount] of Object.entries(more)) into[name] = (into[name] ?? 0) + sign * amount;
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
    total[name] = amountOf(name, text);
  addAmounts(total, amountsOf(pod.spec.overhead));
  return total;
}

export const podRequests = (pod: Pod): Amounts => podAmounts(pod, (c) => amountsOf(c.resources?.requests));

/** A container that asks for nothing still weighs something when nodes are compared: upstream's 100m and 200 MiB. */
const UNASKED: Readonly<Amounts> = { cpu: 100, memory: 200 * 1024 * 1024 };

export const podWeight = (pod: Pod): Amounts =>
  podAmounts(pod, (c) => ({ ...UNASKED, ...amountsOf(c.resources?.requests) }));
