/** Exact arithmetic on lists of amounts: `{ cpu: '500m', pods: '2' }`. */
import { addQuantities, compareQuantities, subtractQuantities } from '#proto/meta/quantity.ts';
import type {
  Container,
  PodSpec,
  ResourceList,
  ResourceRequirements,
} from '#proto/schema/generated/core-v1.ts';

export type Amounts = Readonly<ResourceList>;

export function sumOf(a: Amounts, b: Amounts): ResourceList {
  const sum: ResourceList = { ...a };
  for (const [name, amount] of Object.entries(b)) {
    const own = sum[name];
    sum[name] = own === undefined ? amount : addQuantities(own, amount);
  }
  return sum;
}

/** `a - b`; what `a` does not name counts as nothing. */
export function differenceOf(a: Amounts, b: Amounts): ResourceList {
  const difference: ResourceList = { ...a };
  for (const [name, amount] of Object.entries(b))
    difference[name] = subtractQuantities(difference[name] ?? '0', amount);
  return difference;
}

function largestOf(a: Amounts, b: Amounts): ResourceList {
  const largest: ResourceList = { ...a };
  for (const [name, amount] of Object.entries(b)) {
    const own = largest[name];
    if (own === undefined || compareQuantities(own, amount) < 0) largest[name] = amount;
  }
  return largest;
}

/**
 * What a Pod asks for, or is limited to. Init containers run one after the other, each beside the sidecars before it; the
 * containers beside all sidecars; the Pod needs the larger, resource by resource, plus its overhead. What the Pod itself
 * names replaces the sum. Rule: upstream's `PodRequests` and `PodLimits`.
 */
export function podAmounts(spec: PodSpec, side: 'requests' | 'limits'): ResourceList {
  const of = ({ resources }: { resources?: ResourceRequirements | undefined }): ResourceList =>
    resources?.[side] ?? {};
  let sidecars: ResourceList = {};
  let peak: ResourceList = {};
  for (const container of spec.initContainers ?? []) {
    if (isSidecar(container)) sidecars = sumOf(sidecars, of(container));
    peak = largestOf(peak, isSidecar(container) ? sidecars : sumOf(sidecars, of(container)));
  }
  const running = spec.containers.reduce((sum, container) => sumOf(sum, of(container)), sidecars);
  const total = { ...largestOf(running, peak), ...of(spec) };
  // Overhead alone is no limit.
  const overhead = Object.entries(spec.overhead ?? {}).filter(
    ([name]) => side === 'requests' || total[name] !== undefined,
  );
  return sumOf(total, Object.fromEntries(overhead));
}

const isSidecar = ({ restartPolicy }: Container): boolean => restartPolicy === 'Always';
