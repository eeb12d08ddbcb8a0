/** Decisions on the cache as it is, and as it would be: what a group's plan tries is undone here. */
import type { Filter } from './filter/filter.ts';
import { FitMemory } from './fit-memory.plan.ts';
import type { Trial } from './group.plan.ts';
import type { NodeCache } from './node-cache.ts';
import type { PodInfo } from './pod-info.plan.ts';
import { type Preemption, preempt } from './preempt.plan.ts';
import { type NoPlace, type Placement, schedule } from './schedule.plan.ts';
import type { Score } from './score/score.ts';

export interface TrialDeps {
  readonly cache: NodeCache;
  readonly filters: readonly Filter[];
  readonly scores: readonly Score[];
  readonly random: () => number;
  readonly leaving: () => ReadonlySet<string>;
}

export class CacheTrial implements Trial {
  readonly #deps: TrialDeps;
  /** How to undo what was done, the last first. */
  readonly #undo: (() => void)[] = [];
  readonly #memory = new FitMemory();
  #start = 0;

  constructor(deps: TrialDeps) {
    this.#deps = deps;
  }

  schedule(pod: PodInfo): Placement | NoPlace {
    const { cache: cluster, filters, scores, random } = this.#deps;
    const nominatedNode = cluster.nominationOf(pod.uid);
    const memory = this.#memory;
    const start = this.#start;
    const decision = schedule({ pod, cluster, filters, scores, random, start, nominatedNode, memory });
    this.#start = (this.#start + decision.looked) % Math.max(1, cluster.nodes.length);
    return decision;
  }

  preempt(pod: PodInfo, { resolvable }: NoPlace): Preemption {
    const { cache: cluster, filters, random, leaving } = this.#deps;
    const nominatedNode = cluster.nominationOf(pod.uid);
    const rest = { nominatedNode, random, leaving: leaving(), memory: this.#memory };
    return preempt({ pod, cluster, filters, resolvable, ...rest });
  }

  place(pod: PodInfo, nodeName: string): void {
    const { cache } = this.#deps;
    const nominated = cache.nominationOf(pod.uid);
    cache.nominate(pod, undefined);
    cache.assumePod(pod, nodeName);
    this.#undo.push(() => {
      cache.removePod(pod.uid);
      cache.nominate(pod, nominated);
    });
  }

  remove(pod: PodInfo): void {
    const { cache } = this.#deps;
    const placed = cache.removePod(pod.uid);
    if (!placed) return;
    this.#undo.push(() => cache.restorePod(placed));
  }

  rollback(): void {
    for (let undo = this.#undo.pop(); undo; undo = this.#undo.pop()) undo();
  }

  /** What was done stays. */
  keep(): void {
    this.#undo.length = 0;
  }
}
