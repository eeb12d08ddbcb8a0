import type { Pod } from '#proto/schema/generated/core-v1.ts';
import type { Filter } from './filter/filter.ts';
import type { NodeInfo } from './node-info.plan.ts';
import type { Score } from './score/score.ts';

export type Decision =
  | { readonly type: 'bind'; readonly nodeName: string }
  /** `message` says why, in upstream's words. */
  | { readonly type: 'unschedulable'; readonly message: string };

export interface ScheduleInput {
  readonly pod: Pod;
  readonly nodes: readonly NodeInfo[];
  readonly filters: readonly Filter[];
  readonly scores: readonly Score[];
  /** In [0, 1): breaks ties. */
  readonly random: () => number;
}

/** Where one Pod goes. */
export function schedule({ pod, nodes, filters, scores, random }: ScheduleInput): Decision {
  if (nodes.length === 0) return { type: 'unschedulable', message: 'no nodes available to schedule pods' };
  const reasons = new Map<string, number>();
  const fitting = nodes.filter((info) => {
    const against =
      filters.map((filter) => filter.reasons(pod, info)).find((found) => found.length > 0) ?? [];
    for (const reason of against) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    return against.length === 0;
  });
  if (fitting.length === 0) return { type: 'unschedulable', message: explain(nodes.length, reasons) };
  return { type: 'bind', nodeName: best(pod, fitting, scores, random).node.metadata.name ?? '' };
}

/** `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable.` */
function explain(nodeCount: number, reasons: ReadonlyMap<string, number>): string {
  const parts = [...reasons].map(([reason, count]) => `${count} ${reason}`).sort();
  return `0/${nodeCount} nodes are available: ${parts.join(', ')}.`;
}

function best(
  pod: Pod,
  fitting: readonly NodeInfo[],
  scores: readonly Score[],
  random: () => number,
): NodeInfo {
  const [only] = fitting;
  if (only && fitting.length === 1) return only;
  const totals = fitting.map(() => 0);
  for (const score of scores)
    for (const [i, value] of score.scores(pod, fitting).entries())
      totals[i] = (totals[i] ?? 0) + score.weight * value;
  const top = Math.max(...totals);
  // Sums of the same figures in another order differ in the last digits.
  const winners = fitting.filter((_, i) => (totals[i] ?? 0) >= top - 1e-9);
  const winner = winners[Math.floor(random() * winners.length)];
  if (!winner) throw new Error('no node to choose from');
  return winner;
}
