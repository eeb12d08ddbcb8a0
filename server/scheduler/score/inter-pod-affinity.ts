import { type AffinityTerm, matchesTerm } from '../affinity-terms.plan.ts';
import { type Cluster, type ExistingTerm, labelledOf } from '../cluster.plan.ts';
import type { PodInfo } from '../pod-info.plan.ts';
import { MAX_SCORE, type Score } from './score.ts';

/** What a required affinity of a Pod that is there counts for one that would be its company. Upstream's default. */
const HARD_WEIGHT = 1;

/** Places get points for each Pod there, for and against, by one label. */
interface Points {
  readonly topologyKey: string;
  readonly weight: number;
  readonly byValue: ReadonlyMap<string, number>;
}

/** The company that Pods prefer, and that those who are there would have of this one. */
export const interPodAffinity: Score = {
  name: 'InterPodAffinity',
  weight: 2,
  scores: (pod, fitting, cluster) => {
    const points = [...ofPod(pod, cluster), ...ofExisting(pod, cluster)];
    if (points.length === 0) return undefined;
    const raw = fitting.map(({ labels }) => {
      let sum = 0;
      for (const { topologyKey, weight, byValue } of points) {
        const value = labels[topologyKey];
        if (value !== undefined) sum += weight * (byValue.get(value) ?? 0);
      }
      return sum;
    });
    return stretch(raw);
  },
};

function ofPod({ terms }: PodInfo, cluster: Cluster): Points[] {
  const counted = (term: AffinityTerm, weight: number): Points => {
    const { topologyKey } = term;
    const labelsOf = (namespace: string) => cluster.namespaceLabels(namespace);
    const matches = (other: PodInfo): boolean => matchesTerm(term, other, labelsOf);
    const { byValue } = cluster.counts({ key: `${topologyKey} of ${term.key}`, topologyKey, matches });
    return { topologyKey, weight, byValue };
  };
  return [
    ...terms.preferred.map(({ term, weight }) => counted(term, weight)),
    ...terms.preferredAnti.map(({ term, weight }) => counted(term, -weight)),
  ];
}

function ofExisting(pod: PodInfo, cluster: Cluster): Points[] {
  const labelsOf = (namespace: string) => cluster.namespaceLabels(namespace);
  const points: Points[] = [];
  for (const existing of cluster.existingTerms()) {
    const weight = weightOf(existing);
    if (weight === 0 || !matchesTerm(existing.term, labelledOf(pod), labelsOf)) continue;
    points.push({ topologyKey: existing.term.topologyKey, weight, byValue: existing.byValue });
  }
  return points;
}

function weightOf({ rule, weight }: ExistingTerm): number {
  switch (rule) {
    case 'required':
      return HARD_WEIGHT;
    case 'preferred':
      return weight;
    case 'preferredAnti':
      return -weight;
    case 'requiredAnti':
      return 0;
  }
}

/** Between the worst and the best of these nodes. */
function stretch(raw: readonly number[]): number[] {
  let least = Number.POSITIVE_INFINITY;
  let most = Number.NEGATIVE_INFINITY;
  for (const value of raw) {
    if (value < least) least = value;
    if (value > most) most = value;
  }
  const range = most - least;
  return raw.map((value) => (range === 0 ? 0 : Math.trunc((MAX_SCORE * (value - least)) / range)));
}
