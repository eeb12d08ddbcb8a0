import type { Counts } from '../cluster.plan.ts';
import type { NodeInfo } from '../node-info.plan.ts';
import type { PodInfo } from '../pod-info.plan.ts';
import { countsOf, type SpreadConstraint, spreadConstraintsOf } from '../spread-constraints.plan.ts';
import { type Filter, refusal, type WhatIf } from './filter.ts';

const UNEVEN = refusal("node(s) didn't match pod topology spread constraints", true);
const NO_LABEL = refusal("node(s) didn't match pod topology spread constraints (missing required label)");

interface Spread extends SpreadConstraint {
  readonly counts: Counts;
  /** Does the Pod count itself? */
  readonly self: 0 | 1;
  readonly domains: number;
  /** The place with the fewest, and the fewest of all others. */
  readonly fewest: readonly [value: string, count: number];
  readonly nextFewest: number;
}

/** No place may have `maxSkew` more Pods of the selection than the emptiest. Rule: KEP-895. */
export const podTopologySpread: Filter = {
  name: 'PodTopologySpread',
  prepare: (pod, cluster) => {
    const constraints = spreadConstraintsOf(pod, 'DoNotSchedule');
    if (constraints.length === 0) return undefined;
    const spreads = constraints.map((constraint): Spread => {
      const counts = countsOf(cluster, constraint);
      return { ...constraint, counts, self: constraint.selects(pod) ? 1 : 0, ...fewestOf(counts.byValue) };
    });
    return (node, whatIf) => {
      for (const spread of spreads) {
        const value = node.labels[spread.topologyKey];
        if (value === undefined) return NO_LABEL;
        if (skewOn(spread, value, node, whatIf) > spread.maxSkew) return UNEVEN;
      }
      return undefined;
    };
  },
  helpedBy: (pod, change) => {
    if (change.type === 'node') return change.relabelled;
    if (change.type !== 'pod gone' && change.type !== 'pod placed') return false;
    return change.pod.namespace === pod.namespace;
  },
};

function fewestOf(byValue: ReadonlyMap<string, number>): Pick<Spread, 'domains' | 'fewest' | 'nextFewest'> {
  let fewest: [string, number] = ['', Number.POSITIVE_INFINITY];
  let nextFewest = Number.POSITIVE_INFINITY;
  for (const [value, count] of byValue) {
    if (count < fewest[1]) {
      nextFewest = fewest[1];
      fewest = [value, count];
    } else if (count < nextFewest) nextFewest = count;
  }
  return { domains: byValue.size, fewest, nextFewest };
}

function skewOn(spread: Spread, value: string, node: NodeInfo, whatIf: WhatIf | undefined): number {
  const { counts, self, domains, minDomains, fewest, nextFewest } = spread;
  let here = counts.byValue.get(value) ?? 0;
  let least = fewest[1];
  if (whatIf) {
    here += changed(spread, node, whatIf);
    if (counts.byValue.has(value)) least = Math.min(here, value === fewest[0] ? nextFewest : fewest[1]);
  }
  if (domains < minDomains) least = 0;
  // Where no node counts at all there is nothing to be even with.
  if (least === Number.POSITIVE_INFINITY) return Number.NEGATIVE_INFINITY;
  return here + self - least;
}

function changed({ counted }: Spread, node: NodeInfo, { added, removed }: WhatIf): number {
  if (counted.includes && !counted.includes(node)) return 0;
  const count = (pods: readonly PodInfo[]): number =>
    pods.reduce((sum, pod) => sum + (counted.matches(pod) ? 1 : 0), 0);
  return count(added) - count(removed);
}
