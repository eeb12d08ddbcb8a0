import type { Cluster, Counts } from '../cluster.plan.ts';
import type { NodeInfo } from '../node-info.plan.ts';
import type { PodInfo } from '../pod-info.plan.ts';
import {
  countsOf,
  defaultConstraint,
  HOSTNAME,
  type SpreadConstraint,
  spreadConstraintsOf,
  ZONE,
} from '../spread-constraints.plan.ts';
import { MAX_SCORE, type Score } from './score.ts';

/** How uneven may it be before it counts, for Pods that say nothing of it? Upstream's default constraints. */
const DEFAULTS = [
  [HOSTNAME, 3],
  [ZONE, 5],
] as const;

/**
 * Fewer Pods of the selection in a place are better: by the Pod's own `ScheduleAnyway` constraints, else by the system's, for
 * what its owner and its Services select. Rule: KEP-895, KEP-1258.
 */
export const spread: Score = {
  name: 'PodTopologySpread',
  weight: 2,
  scores: (pod, fitting, cluster) => {
    const own = (pod.pod.spec.topologySpreadConstraints ?? []).length > 0;
    const constraints = own ? spreadConstraintsOf(pod, 'ScheduleAnyway') : defaults(pod, cluster);
    if (constraints.length === 0) return undefined;
    // A node that misses a label of the Pod's own rules is last; the system's rules do without.
    const complete = (node: NodeInfo): boolean =>
      !own || constraints.every(({ topologyKey }) => node.labels[topologyKey] !== undefined);
    const scored = fitting.map(complete);
    const weighted = constraints.map((constraint) => weigh(constraint, fitting, scored, cluster));
    const raw = fitting.map((node, i) =>
      scored[i] ? Math.round(weighted.reduce((sum, one) => sum + costOn(one, node), 0)) : -1,
    );
    return fewerIsBetter(raw);
  },
};

function defaults(pod: PodInfo, cluster: Cluster): readonly SpreadConstraint[] {
  const selectors = cluster.defaultSelector(pod);
  if (!selectors) return [];
  return DEFAULTS.map(([key, maxSkew]) => defaultConstraint(pod, selectors, key, maxSkew));
}

interface Weighed {
  readonly topologyKey: string;
  readonly maxSkew: number;
  readonly counts: Counts;
  /** More places make a Pod more in one of them count more. */
  readonly weight: number;
}

function weigh(
  constraint: SpreadConstraint,
  fitting: readonly NodeInfo[],
  scored: readonly boolean[],
  cluster: Cluster,
): Weighed {
  const { topologyKey, maxSkew } = constraint;
  const counts = countsOf(cluster, constraint);
  const places = new Set<string>();
  let nodes = 0;
  fitting.forEach(({ labels }, i) => {
    if (!scored[i]) return;
    nodes++;
    const value = labels[topologyKey];
    if (value !== undefined && topologyKey !== HOSTNAME) places.add(value);
  });
  const size = topologyKey === HOSTNAME ? nodes : places.size;
  return { topologyKey, maxSkew, counts, weight: Math.log(size + 2) };
}

function costOn({ topologyKey, maxSkew, counts, weight }: Weighed, { labels }: NodeInfo): number {
  const value = labels[topologyKey];
  if (value === undefined) return 0;
  return (counts.byValue.get(value) ?? 0) * weight + maxSkew - 1;
}

/** The fewest get 100; close counts stay close. -1 is a node that is not asked, and gets nothing. */
function fewerIsBetter(raw: readonly number[]): number[] {
  let most = 0;
  let fewest = Number.POSITIVE_INFINITY;
  for (const count of raw) {
    if (count < 0) continue;
    if (count > most) most = count;
    if (count < fewest) fewest = count;
  }
  return raw.map((count) => {
    if (count < 0) return 0;
    return most === 0 ? MAX_SCORE : Math.trunc((MAX_SCORE * (most + fewest - count)) / most);
  });
}
