/**
 * What was found out about nodes for Pods that are equal to the rules on one node at a time, such as the replicas of a set: it
 * is true until the node changes, so the next of them looks at the nodes that have changed, and at none else. Small clusters do
 * without: looking is cheaper there than remembering.
 */
import type { Refusal } from './filter/filter.ts';
import type { Refused } from './fit.plan.ts';
import type { NodeInfo } from './node-info.plan.ts';
import type { PodInfo } from './pod-info.plan.ts';
import type { Candidate } from './preempt.plan.ts';

/** Kinds of Pods to remember: the ones asked for last. */
const MAX_KINDS = 8;
const MIN_NODES = 100;

/** Of one kind of Pod, by the slot of the node. */
class Findings<T> {
  readonly #generations: number[] = [];
  readonly #found: T[] = [];

  /** `find` is asked where nothing is known of the node as it is now. */
  of(node: NodeInfo, find: (node: NodeInfo) => T): T {
    const { slot, generation } = node;
    if (this.#generations[slot] === generation) return this.#found[slot] as T;
    const found = find(node);
    this.#generations[slot] = generation;
    this.#found[slot] = found;
    return found;
  }
}

export interface KindMemory {
  readonly fits: Findings<Refused | undefined>;
  readonly victims: Findings<Candidate | Refusal>;
}

export class FitMemory {
  readonly #minNodes: number;
  /** The one asked for last is last. */
  readonly #kinds = new Map<string, KindMemory>();

  constructor(minNodes = MIN_NODES) {
    this.#minNodes = minNodes;
  }

  /** Undefined where remembering does not pay. A Pod that nodes wait for itself is no Pod like the others. */
  of(pod: PodInfo, nodeCount: number, nominatedNode: string | undefined): KindMemory | undefined {
    if (nodeCount < this.#minNodes || nominatedNode !== undefined) return undefined;
    const key = pod.localKey;
    let kind = this.#kinds.get(key);
    if (kind) {
      this.#kinds.delete(key);
    } else {
      kind = { fits: new Findings(), victims: new Findings() };
      for (const oldest of this.#kinds.keys()) {
        if (this.#kinds.size < MAX_KINDS) break;
        this.#kinds.delete(oldest);
      }
    }
    this.#kinds.set(key, kind);
    return kind;
  }
}
