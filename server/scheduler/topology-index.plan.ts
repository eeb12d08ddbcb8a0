/**
 * Counts of Pods by the place of their node, kept up to date while Pods come and go, so that no decision looks at all Pods.
 * - What filters and scores ask for is counted once over all Pods, then by changes. What has not been asked for in a while is
 *   dropped; the next who asks pays for the count.
 * - The terms of the Pods that are placed are counted always: equal terms are one.
 * - A node whose labels or taints change makes counts false: the owner calls `forget`, and takes the node's Pods out and in.
 */
import type { AffinityTerm } from './affinity-terms.plan.ts';
import type { Counted, Counts, ExistingRule, ExistingTerm } from './cluster.plan.ts';
import type { NodeInfo } from './node-info.plan.ts';
import { hasTerms, type PodInfo } from './pod-info.plan.ts';

/** Each costs a look at every Pod that comes or goes. */
const MAX_COUNTS = 64;

interface LiveCounts extends Counts {
  readonly counted: Counted;
  readonly byValue: Map<string, number>;
  total: number;
}

interface LiveTerm extends ExistingTerm {
  readonly byValue: Map<string, number>;
  pods: number;
}

export class TopologyIndex {
  /** The one asked for last is last. */
  readonly #counts = new Map<string, LiveCounts>();
  readonly #terms = new Map<string, LiveTerm>();

  counts(counted: Counted, nodes: readonly NodeInfo[]): Counts {
    const known = this.#counts.get(counted.key);
    if (known) {
      this.#counts.delete(counted.key);
      this.#counts.set(counted.key, known);
      return known;
    }
    for (const oldest of this.#counts.keys()) {
      if (this.#counts.size < MAX_COUNTS) break;
      this.#counts.delete(oldest);
    }
    const live = countAll(counted, nodes);
    this.#counts.set(counted.key, live);
    return live;
  }

  existingTerms(): Iterable<ExistingTerm> {
    return this.#terms.values();
  }

  add(pod: PodInfo, node: NodeInfo): void {
    this.#change(pod, node, 1);
  }

  remove(pod: PodInfo, node: NodeInfo): void {
    this.#change(pod, node, -1);
  }

  /** All counts that were asked for: nodes or namespaces are not what they were. */
  forget(): void {
    this.#counts.clear();
  }

  #change(pod: PodInfo, node: NodeInfo, by: 1 | -1): void {
    for (const live of this.#counts.values()) {
      const value = node.labels[live.counted.topologyKey];
      if (value === undefined || !live.counted.matches(pod)) continue;
      if (live.counted.includes && !live.counted.includes(node)) continue;
      live.byValue.set(value, (live.byValue.get(value) ?? 0) + by);
      live.total += by;
    }
    if (!hasTerms(pod)) return;
    const { required, requiredAnti, preferred, preferredAnti } = pod.terms;
    for (const term of required) this.#changeTerm('required', term, 0, node, by);
    for (const term of requiredAnti) this.#changeTerm('requiredAnti', term, 0, node, by);
    for (const { term, weight } of preferred) this.#changeTerm('preferred', term, weight, node, by);
    for (const { term, weight } of preferredAnti) this.#changeTerm('preferredAnti', term, weight, node, by);
  }

  #changeTerm(rule: ExistingRule, term: AffinityTerm, weight: number, node: NodeInfo, by: 1 | -1): void {
    const id = `${rule} ${weight} ${term.key}`;
    let live = this.#terms.get(id);
    if (!live) {
      live = { rule, term, weight, byValue: new Map(), pods: 0 };
      this.#terms.set(id, live);
    }
    live.pods += by;
    if (live.pods === 0) this.#terms.delete(id);
    const value = node.labels[term.topologyKey];
    if (value === undefined) return;
    const count = (live.byValue.get(value) ?? 0) + by;
    if (count === 0) live.byValue.delete(value);
    else live.byValue.set(value, count);
  }
}

function countAll(counted: Counted, nodes: readonly NodeInfo[]): LiveCounts {
  const live: LiveCounts = { counted, byValue: new Map(), total: 0 };
  for (const node of nodes) {
    const value = node.labels[counted.topologyKey];
    if (value === undefined || (counted.includes && !counted.includes(node))) continue;
    let here = 0;
    for (const pod of node.pods) if (counted.matches(pod)) here++;
    live.byValue.set(value, (live.byValue.get(value) ?? 0) + here);
    live.total += here;
  }
  return live;
}
