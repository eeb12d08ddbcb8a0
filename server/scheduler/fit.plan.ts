import type { Cluster } from './cluster.plan.ts';
import type { Check, Filter, Refusal, WhatIf } from './filter/filter.ts';
import type { NodeInfo } from './node-info.plan.ts';
import type { PodInfo } from './pod-info.plan.ts';

/** A filter that has something to say of a Pod. */
interface PreparedFilter {
  readonly name: string;
  readonly check: Check;
}

export interface Refused {
  readonly by: string;
  readonly refusal: Refusal;
}

/** The filters that concern a Pod, ready to be asked about nodes; or who refuses all nodes at once. */
export type Preparation =
  | {
      readonly checks: readonly PreparedFilter[];
      /** All of them look at one node at a time: what they say of it is true until it changes. */
      readonly local: boolean;
    }
  | Refused;

export type Checks = Extract<Preparation, { readonly checks: unknown }>;

export function prepare(pod: PodInfo, cluster: Cluster, filters: readonly Filter[]): Preparation {
  const checks: PreparedFilter[] = [];
  let local = true;
  for (const filter of filters) {
    const prepared = filter.prepare(pod, cluster);
    if (typeof prepared === 'function') {
      checks.push({ name: filter.name, check: prepared });
      if (filter.helpedBy) local = false;
    } else if (prepared) return { by: filter.name, refusal: prepared };
  }
  return { checks, local };
}

const NOTHING: WhatIf = { added: [], removed: [] };

/**
 * Why the Pod does not fit on the node, the first filter that refuses speaking. It must fit beside those who wait for room
 * there and are as important, and without them too: they may end up elsewhere.
 */
export function whyNot(
  pod: PodInfo,
  node: NodeInfo,
  checks: readonly PreparedFilter[],
  whatIf?: WhatIf,
): Refused | undefined {
  const { nominated } = node;
  if (nominated.length > 0) {
    const waiting = nominated.filter(({ uid, priority }) => uid !== pod.uid && priority >= pod.priority);
    if (waiting.length > 0) {
      const { added, removed } = whatIf ?? NOTHING;
      const crowded = node.copy();
      for (const other of waiting) crowded.add(other);
      const refused = ask(checks, crowded, { added: [...added, ...waiting], removed });
      if (refused) return refused;
    }
  }
  return ask(checks, node, whatIf);
}

function ask(
  checks: readonly PreparedFilter[],
  node: NodeInfo,
  whatIf: WhatIf | undefined,
): Refused | undefined {
  for (const { name, check } of checks) {
    const refusal = check(node, whatIf);
    if (refusal) return { by: name, refusal };
  }
  return undefined;
}

/** Counts reasons over nodes, in upstream's words: `0/3 nodes are available: 1 Insufficient cpu, 2 …`. */
export class Diagnosis {
  readonly #counts = new Map<Refusal, number>();
  readonly #by = new Set<string>();
  #last: Refusal | undefined;
  #run = 0;

  /** The filters that refused anything. */
  get by(): ReadonlySet<string> {
    return this.#by;
  }

  add({ by, refusal }: Refused, times = 1): void {
    // Most nodes refuse for the reason of the node before.
    if (refusal !== this.#last) {
      this.#flush();
      this.#last = refusal;
      this.#by.add(by);
    }
    this.#run += times;
  }

  message(nodeCount: number): string {
    this.#flush();
    const reasons = new Map<string, number>();
    for (const [refusal, count] of this.#counts)
      for (const reason of refusal.reasons) reasons.set(reason, (reasons.get(reason) ?? 0) + count);
    const parts = [...reasons].map(([reason, count]) => `${count} ${reason}`).sort();
    const why = parts.length === 0 ? '' : ` ${parts.join(', ')}.`;
    return `0/${nodeCount} nodes are available:${why}`;
  }

  #flush(): void {
    if (this.#last && this.#run > 0)
      this.#counts.set(this.#last, (this.#counts.get(this.#last) ?? 0) + this.#run);
    this.#run = 0;
  }
}
