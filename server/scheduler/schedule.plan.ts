import type { Cluster } from './cluster.plan.ts';
import type { Filter } from './filter/filter.ts';
import { NOT_NAMED, pinnedNodes } from './filter/pinned-node.ts';
import { type Checks, Diagnosis, prepare, type Refused, whyNot } from './fit.plan.ts';
import type { FitMemory } from './fit-memory.plan.ts';
import type { NodeInfo } from './node-info.plan.ts';
import type { PodInfo } from './pod-info.plan.ts';
import type { Score } from './score/score.ts';

export interface Placement {
  readonly type: 'bind';
  readonly nodeName: string;
  /** Nodes that were looked at: the next Pod begins after them. */
  readonly looked: number;
}

export interface NoPlace {
  readonly type: 'unschedulable';
  /** Says why, in upstream's words. */
  readonly message: string;
  /** The filters that refused: what helps them lets the Pod try again. */
  readonly by: ReadonlySet<string>;
  /** Nodes where it might help that other Pods go. */
  readonly resolvable: readonly NodeInfo[];
  readonly looked: number;
}

export type Decision = Placement | NoPlace;

export interface ScheduleInput {
  readonly pod: PodInfo;
  readonly cluster: Cluster;
  readonly filters: readonly Filter[];
  readonly scores: readonly Score[];
  /** In [0, 1): breaks ties. */
  readonly random: () => number;
  /** The index of the node to begin with; matters where not all are looked at. */
  readonly start?: number;
  readonly memory?: FitMemory;
  /** Looks at all nodes, however many fit. */
  readonly everything?: boolean;
  /** Where room was made for it. It goes there if it fits, whatever is better elsewhere. */
  readonly nominatedNode?: string | undefined;
}

/** With fewer nodes than this that fit, all nodes are looked at. */
const ENOUGH = 100;

/**
 * How many fitting nodes are enough to choose from. Large clusters are sampled: half of the nodes, down to 5 % of them. Rule:
 * upstream's `numFeasibleNodesToFind`.
 */
export function nodesToFind(nodeCount: number): number {
  if (nodeCount < ENOUGH) return nodeCount;
  const percentage = Math.max(5, 50 - Math.trunc(nodeCount / 125));
  return Math.max(ENOUGH, Math.trunc((nodeCount * percentage) / 100));
}

/** Where one Pod goes. */
export function schedule(input: ScheduleInput): Decision {
  const { pod, cluster, filters, nominatedNode } = input;
  const { nodes } = cluster;
  if (nodes.length === 0) return refused('no nodes available to schedule pods', new Set(['']));
  const prepared = prepare(pod, cluster, filters);
  if (!('checks' in prepared)) {
    const message = `0/${nodes.length} nodes are available: ${prepared.refusal.reasons.join(', ')}.`;
    return refused(message, new Set([prepared.by]));
  }
  const nominated = nominatedNode === undefined ? undefined : cluster.node(nominatedNode);
  if (nominated && !whyNot(pod, nominated, prepared.checks))
    return { type: 'bind', nodeName: nominated.name, looked: 0 };
  return chooseAmong(input, prepared);
}

const refused = (message: string, by: ReadonlySet<string>): NoPlace => ({
  type: 'unschedulable',
  message,
  by,
  resolvable: [],
  looked: 0,
});

function chooseAmong(input: ScheduleInput, { checks, local }: Checks): Decision {
  const { pod, cluster, start = 0 } = input;
  const all = cluster.nodes;
  const names = pinnedNodes(pod);
  if (names?.length === 0)
    return refused(
      `0/${all.length} nodes are available: pod affinity terms conflict.`,
      new Set(['NodeAffinity']),
    );
  const nodes = names ? names.flatMap((name) => cluster.node(name) ?? []) : all;
  const enough = input.everything ? nodes.length : nodesToFind(nodes.length);
  const fitting: NodeInfo[] = [];
  const resolvable: NodeInfo[] = [];
  const diagnosis = new Diagnosis();
  const memory = local ? input.memory?.of(pod, nodes.length, input.nominatedNode)?.fits : undefined;
  const find = (node: NodeInfo): Refused | undefined => whyNot(pod, node, checks);
  let looked = 0;
  for (; looked < nodes.length && fitting.length < enough; looked++) {
    const node = nodes[(start + looked) % nodes.length] as NodeInfo;
    const why = memory ? memory.of(node, find) : find(node);
    if (!why) {
      fitting.push(node);
      continue;
    }
    diagnosis.add(why);
    if (why.refusal.resolvable) resolvable.push(node);
  }
  if (fitting.length > 0) return { type: 'bind', nodeName: best(input, fitting).name, looked };
  if (nodes.length < all.length)
    diagnosis.add({ by: 'NodeAffinity', refusal: NOT_NAMED }, all.length - nodes.length);
  const message = diagnosis.message(all.length);
  return { type: 'unschedulable', message, by: diagnosis.by, resolvable, looked };
}

function best({ pod, cluster, scores, random }: ScheduleInput, fitting: readonly NodeInfo[]): NodeInfo {
  const [only] = fitting;
  if (only && fitting.length === 1) return only;
  const totals = new Float64Array(fitting.length);
  for (const { weight, scores: score } of scores) {
    const values = score(pod, fitting, cluster);
    if (!values) continue;
    for (let i = 0; i < totals.length; i++) totals[i] = (totals[i] ?? 0) + weight * (values[i] ?? 0);
  }
  let top = Number.NEGATIVE_INFINITY;
  for (const total of totals) if (total > top) top = total;
  const winners = fitting.filter((_, i) => totals[i] === top);
  const winner = winners[Math.floor(random() * winners.length)];
  if (!winner) throw new Error('no node to choose from');
  return winner;
}
