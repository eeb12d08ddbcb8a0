import type {
  Pod,
  PodAffinityTerm,
  TopologySpreadConstraint,
  WeightedPodAffinityTerm,
} from '#proto/schema/generated/core-v1.ts';
import type { LabelSelector } from '#proto/schema/generated/meta-v1.ts';

/**
 * Writes what `matchLabelKeys` and `mismatchLabelKeys` mean for this Pod into the selectors beside them, once: later changes of
 * its labels don't move its rules. An absent selector selects nothing and stays absent. Rule: KEP-3633 and KEP-3243.
 */
export function applyLabelKeys({ spec, metadata: { labels = {} } }: Pod): void {
  const { podAffinity, podAntiAffinity } = spec.affinity ?? {};
  for (const term of [...termsOf(podAffinity), ...termsOf(podAntiAffinity)]) {
    add(term.labelSelector, term.matchLabelKeys, 'In', labels);
    add(term.labelSelector, term.mismatchLabelKeys, 'NotIn', labels);
  }
  for (const constraint of spec.topologySpreadConstraints ?? ([] as TopologySpreadConstraint[]))
    add(constraint.labelSelector, constraint.matchLabelKeys, 'In', labels);
}

interface Terms {
  readonly requiredDuringSchedulingIgnoredDuringExecution?: PodAffinityTerm[] | undefined;
  readonly preferredDuringSchedulingIgnoredDuringExecution?: WeightedPodAffinityTerm[] | undefined;
}

const termsOf = (affinity: Terms | undefined): PodAffinityTerm[] => [
  ...(affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
  ...(affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((one) => one.podAffinityTerm),
];

function add(
  selector: LabelSelector | undefined,
  keys: readonly string[] | undefined,
  operator: 'In' | 'NotIn',
  labels: Readonly<Record<string, string>>,
): void {
  if (!selector) return;
  for (const key of keys ?? []) {
    const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
    if (value === undefined) continue;
    selector.matchExpressions = [...(selector.matchExpressions ?? []), { key, operator, values: [value] }];
  }
}
