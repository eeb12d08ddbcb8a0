import type { Pod, PodAffinityTerm, WeightedPodAffinityTerm } from '#proto/schema/generated/core-v1.ts';
import type { LabelSelector } from '#proto/schema/generated/meta-v1.ts';
import { matchesSelector } from '#server/controllers/label-selector.ts';

type Labels = Readonly<Record<string, string>> | undefined;

/** A Pod as terms see it. */
export interface Labelled {
  readonly namespace: string;
  readonly labels: Labels;
}

/** One rule on what other Pods may be in the same place. */
export interface AffinityTerm {
  /** Equal for terms that mean the same, whoever has them: what is counted for one is counted for all. */
  readonly key: string;
  readonly topologyKey: string;
  readonly namespaces: readonly string[];
  /** Of namespaces by their labels, beside `namespaces`; an empty one selects all. */
  readonly namespaceSelector: LabelSelector | undefined;
  readonly selector: LabelSelector | undefined;
}

export interface WeightedTerm {
  readonly weight: number;
  readonly term: AffinityTerm;
}

export interface AffinityTerms {
  readonly required: readonly AffinityTerm[];
  readonly requiredAnti: readonly AffinityTerm[];
  readonly preferred: readonly WeightedTerm[];
  readonly preferredAnti: readonly WeightedTerm[];
}

/** Shared by all Pods that have none, which are most. */
export const NO_TERMS: AffinityTerms = { required: [], requiredAnti: [], preferred: [], preferredAnti: [] };

export function affinityTermsOf(pod: Pod): AffinityTerms {
  const { podAffinity, podAntiAffinity } = pod.spec.affinity ?? {};
  if (!podAffinity && !podAntiAffinity) return NO_TERMS;
  const plain = (terms: readonly PodAffinityTerm[] | undefined): AffinityTerm[] =>
    (terms ?? []).map((term) => termOf(pod, term));
  const weighted = (terms: readonly WeightedPodAffinityTerm[] | undefined): WeightedTerm[] =>
    (terms ?? []).map(({ weight, podAffinityTerm }) => ({ weight, term: termOf(pod, podAffinityTerm) }));
  return {
    required: plain(podAffinity?.requiredDuringSchedulingIgnoredDuringExecution),
    requiredAnti: plain(podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution),
    preferred: weighted(podAffinity?.preferredDuringSchedulingIgnoredDuringExecution),
    preferredAnti: weighted(podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution),
  };
}

/** A term that names no namespace means its Pod's own. `matchLabelKeys` are in the selector since the Pod was created. */
function termOf(pod: Pod, term: PodAffinityTerm): AffinityTerm {
  const { topologyKey, labelSelector: selector, namespaceSelector } = term;
  const named = term.namespaces ?? [];
  const own = named.length === 0 && !namespaceSelector;
  const namespaces = own ? [pod.metadata.namespace ?? ''] : [...named].sort();
  const key = JSON.stringify([topologyKey, namespaces, namespaceSelector ?? null, selector ?? null]);
  return { key, topologyKey, namespaces, namespaceSelector, selector };
}

/** `labelsOf` gives a namespace's labels. An absent selector matches no Pod. */
export function matchesTerm(
  { namespaces, namespaceSelector, selector }: AffinityTerm,
  { namespace, labels }: Labelled,
  labelsOf: (namespace: string) => Labels,
): boolean {
  if (!matchesSelector(selector, labels)) return false;
  return (
    namespaces.includes(namespace) ||
    (namespaceSelector !== undefined && matchesSelector(namespaceSelector, labelsOf(namespace)))
  );
}
