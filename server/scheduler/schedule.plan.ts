import type { Filter } from './filter/filter.ts';
import type { NodeInfo } from './node-info.plan.ts';
import type { PodInfo } from './pod-info.plan.ts';
import type { Score } from './score/score.ts';

export type Decision =
  | { readonly type: 'bind'; readonly nodeName: string }
  /** `message` says why, in upstream's words. */
  | { readonly type: 'unschedulable'; readonly message: string };

export interface ScheduleInput {
  readonly pod: PodInfo;
  readonly nodes: readonly NodeInfo[];
  readonly filters: readonly Filter[];
  readonly scores: readonly Score[];
  /** In [0, 1): breaks ties. */
  readonly random: () => number;
}

/** Where one Pod goes. */
export function schedule(input: ScheduleInput): Decision {
  const { pod, nodes, filters } = input;
  if (nodes.length === 0) return { type: 'unschedulable', message: 'no nodes available to schedule pods' };
  const refusals = new Map<string, number>();
  const fitting = nodes.filter((info) => {
    const reasons = whyNot(pod, info, filters);
    for (const reason of reasons) refusals.set(reason, (refusals.get(reason) ?? 0) + 1);
    return reasons.length === 0;
  });
  if (fitting.length === 0) return { type: 'unschedulable', message: explain(nodes.length, refusals) };
  return { type: 'bind', nodeName: best(input, fitting).node.metadata.name ?? '' };
}

/** The first filter that refuses speaks. */
function whyNot(pod: PodInfo, info: NodeInfo, filters: readonly Filter[]): readonly string[] {
  for (const filter of filters) {
    const reasons = filter.reasons(pod, info);
    if (reasons.length > 0) return reasons;
  }
  return [];
}

/** `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable.` */
function explain(nodeCount: number, refusals: ReadonlyMap<string, number>): string {
  const parts = [...refusals].map(([reason, count]) => `${count} ${reason}`).sort();
  return `0/${nodeCount} nodes are available: ${parts.join(', ')}.`;
}

function best({ pod, nodes, scores, random }: ScheduleInput, fitting: readonly NodeInfo[]): NodeInfo {
  const [only] = fitting;
  if (only && fitting.length === 1) return only;
  const totals = fitting.map(() => 0);
  for (const score of scores) {
    score.scores(pod, fitting, nodes).forEach((value, i) => {
      totals[i] = (totals[i] ?? 0) + score.weight * value;
    });
  }
  const top = Math.max(...totals);
  const winners = fitting.filter((_, i) => totals[i] === top);
  const winner = winners[Math.floor(random() * winners.length)];
  if (!winner) throw new Error('no node to choose from');
  return winner;
}
