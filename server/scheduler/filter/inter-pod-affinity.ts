import { type AffinityTerm, matchesTerm } from '../affinity-terms.plan.ts';
import { type Cluster, type Counted, type Counts, labelledOf } from '../cluster.plan.ts';
import type { NodeInfo } from '../node-info.plan.ts';
import type { PodInfo } from '../pod-info.plan.ts';
import { type Check, type Filter, refusal, type WhatIf } from './filter.ts';

const NO_COMPANY = refusal("node(s) didn't match pod affinity rules");
const TOO_CLOSE = refusal("node(s) didn't match pod anti-affinity rules", true);
const UNWELCOME = refusal("node(s) didn't satisfy existing pods anti-affinity rules", true);

/** Company and distance that Pods require, and the distance that those who are there require of this one. */
export const interPodAffinity: Filter = {
  name: 'InterPodAffinity',
  prepare: (pod, cluster) => {
    const company = requiredCompany(pod, cluster);
    const distance = requiredDistance(pod, cluster);
    const unwelcome = existingDistance(pod, cluster);
    if (!company && !distance && !unwelcome) return undefined;
    return (node, whatIf) => company?.(node, whatIf) ?? distance?.(node, whatIf) ?? unwelcome?.(node, whatIf);
  },
  helpedBy: (pod, change) => {
    switch (change.type) {
      case 'node':
        return change.relabelled;
      case 'pod placed':
        return pod.terms.required.length > 0;
      case 'pod gone':
        return pod.terms.requiredAnti.length > 0 || change.pod.terms.requiredAnti.length > 0;
      case 'namespace':
        return pod.terms.required.length + pod.terms.requiredAnti.length > 0;
      default:
        return false;
    }
  },
};

interface Rule {
  readonly term: AffinityTerm;
  readonly counts: Counts;
  readonly matches: (pod: PodInfo) => boolean;
}

/** Pods that match `terms` all at once, in the places of each term. */
function rulesOf(terms: readonly AffinityTerm[], together: boolean, cluster: Cluster): readonly Rule[] {
  const labelsOf = (namespace: string) => cluster.namespaceLabels(namespace);
  return terms.map((term) => {
    const all = together ? terms : [term];
    const matches = (pod: PodInfo): boolean => all.every((one) => matchesTerm(one, pod, labelsOf));
    const key = `${term.topologyKey} of ${all.map((one) => one.key).join(' ')}`;
    const counted: Counted = { key, topologyKey: term.topologyKey, matches };
    return { term, counts: cluster.counts(counted), matches };
  });
}

const changeOf = ({ matches }: Rule, { added, removed }: WhatIf): number =>
  added.filter(matches).length - removed.filter(matches).length;

/**
 * A Pod that matches all terms must be in the node's place of each. The first of Pods that want each other's company finds
 * none: it may go where the labels are, once nobody is anywhere and it would be company to itself.
 */
function requiredCompany(pod: PodInfo, cluster: Cluster): Check | undefined {
  const { required } = pod.terms;
  if (required.length === 0) return undefined;
  const rules = rulesOf(required, true, cluster);
  const own = rules.every(({ matches }) => matches(pod));
  return (node, whatIf) => {
    let company = true;
    let anywhere = 0;
    for (const rule of rules) {
      const value = node.labels[rule.term.topologyKey];
      if (value === undefined) return NO_COMPANY;
      const change = whatIf ? changeOf(rule, whatIf) : 0;
      if ((rule.counts.byValue.get(value) ?? 0) + change <= 0) company = false;
      anywhere += rule.counts.total + change;
    }
    return company || (own && anywhere === 0) ? undefined : NO_COMPANY;
  };
}

function requiredDistance(pod: PodInfo, cluster: Cluster): Check | undefined {
  const { requiredAnti } = pod.terms;
  if (requiredAnti.length === 0) return undefined;
  const rules = rulesOf(requiredAnti, false, cluster);
  return (node, whatIf) => {
    for (const rule of rules) {
      const value = node.labels[rule.term.topologyKey];
      if (value === undefined) continue;
      const there = (rule.counts.byValue.get(value) ?? 0) + (whatIf ? changeOf(rule, whatIf) : 0);
      if (there > 0) return TOO_CLOSE;
    }
    return undefined;
  };
}

/** What-ifs may add Pods that wait for room and have rules of their own. */
function existingDistance(pod: PodInfo, cluster: Cluster): Check | undefined {
  const labelsOf = (namespace: string) => cluster.namespaceLabels(namespace);
  const minds = (term: AffinityTerm): boolean => matchesTerm(term, labelledOf(pod), labelsOf);
  const places = new Map<string, ReadonlyMap<string, number>[]>();
  for (const { rule, term, byValue } of cluster.existingTerms()) {
    if (rule !== 'requiredAnti' || !minds(term)) continue;
    const known = places.get(term.topologyKey);
    if (known) known.push(byValue);
    else places.set(term.topologyKey, [byValue]);
  }
  if (places.size === 0 && !cluster.nominatedMind) return undefined;
  return (node, whatIf) => {
    for (const [topologyKey, maps] of places) {
      const value = node.labels[topologyKey];
      if (value === undefined) continue;
      let there = whatIf ? changeOfMinding(topologyKey, whatIf, minds) : 0;
      for (const byValue of maps) there += byValue.get(value) ?? 0;
      if (there > 0) return UNWELCOME;
    }
    return whatIf && addedMind(node, whatIf, places, minds) ? UNWELCOME : undefined;
  };
}

/** How many more, or fewer, terms of this label mind the Pod. */
function changeOfMinding(
  topologyKey: string,
  { added, removed }: WhatIf,
  minds: (term: AffinityTerm) => boolean,
): number {
  const count = (pods: readonly PodInfo[]): number =>
    pods.reduce(
      (sum, { terms }) =>
        sum + terms.requiredAnti.filter((term) => term.topologyKey === topologyKey && minds(term)).length,
      0,
    );
  return count(added) - count(removed);
}

/** By a label that nobody's rules were about so far. */
const addedMind = (
  node: NodeInfo,
  { added }: WhatIf,
  places: ReadonlyMap<string, unknown>,
  minds: (term: AffinityTerm) => boolean,
): boolean =>
  added.some(({ terms }) =>
    terms.requiredAnti.some(
      (term) => !places.has(term.topologyKey) && node.labels[term.topologyKey] !== undefined && minds(term),
    ),
  );
