import type { NodeInfo } from '../node-info.plan.ts';
import type { Amounts } from '../resources.plan.ts';
import type { Filter, Refusal } from './filter.ts';

const NAMES = ['cpu', 'memory', 'ephemeral-storage'] as const;
/** By what is short: 1 places for Pods, 2 CPU, 4 memory, 8 ephemeral storage, 16 more than the whole node has of one. */
const REFUSALS: readonly Refusal[] = Array.from({ length: 32 }, (_, bits) => ({
  reasons: [
    ...(bits & 1 ? ['Too many pods'] : []),
    ...NAMES.filter((_name, i) => bits & (2 << i)).map((name) => `Insufficient ${name}`),
  ],
  resolvable: (bits & 16) === 0,
}));

/** A node that does not say how many Pods it takes, or how much of something it has, has none. */
export const nodeResourcesFit: Filter = {
  name: 'NodeResourcesFit',
  prepare:
    ({ requests }) =>
    (node) => {
      const { allocatable, requested, pods } = node;
      let bits = pods.length + 1 > allocatable.pods ? 1 : 0;
      const { cpu, memory, storage } = requests;
      if (cpu > 0 && cpu > allocatable.cpu - requested.cpu) bits |= cpu > allocatable.cpu ? 18 : 2;
      if (memory > 0 && memory > allocatable.memory - requested.memory)
        bits |= memory > allocatable.memory ? 20 : 4;
      if (storage > 0 && storage > allocatable.storage - requested.storage)
        bits |= storage > allocatable.storage ? 24 : 8;
      const refusal = bits === 0 ? undefined : REFUSALS[bits];
      return requests.others ? withOthers(refusal, requests.others, node) : refusal;
    },
};

function withOthers(
  refusal: Refusal | undefined,
  others: Readonly<Record<string, number>>,
  { allocatable, requested }: { allocatable: Readonly<Amounts>; requested: Readonly<Amounts> },
): Refusal | undefined {
  const reasons: string[] = [];
  let resolvable = refusal?.resolvable ?? true;
  for (const name in others) {
    const amount = others[name] ?? 0;
    const total = allocatable.others?.[name] ?? 0;
    if (amount === 0 || amount <= total - (requested.others?.[name] ?? 0)) continue;
    reasons.push(`Insufficient ${name}`);
    if (amount > total) resolvable = false;
  }
  return reasons.length === 0 ? refusal : { reasons: [...(refusal?.reasons ?? []), ...reasons], resolvable };
}

/** A quick first look: has the node room for one more Pod, its CPU and its memory? */
export const hasRoom = (node: NodeInfo, requests: Readonly<Amounts>): boolean =>
  node.pods.length + 1 <= node.allocatable.pods &&
  (requests.cpu === 0 || requests.cpu <= node.allocatable.cpu - node.requested.cpu) &&
  (requests.memory === 0 || requests.memory <= node.allocatable.memory - node.requested.memory);
