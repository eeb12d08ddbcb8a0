import type { LabelSelector } from '#proto/schema/generated/meta-v1.ts';

type Labels = Readonly<Record<string, string>> | undefined;

/**
 * An absent selector selects nothing, an empty one everything. Specs were validated when they were written, so
 * this matches straight away: controllers do it for every change of a pod. Rule: `metav1.LabelSelectorAsSelector`.
 */
export function matchesSelector(selector: LabelSelector | undefined, labels: Labels): boolean {
  if (!selector) return false;
  if (!matchesLabels(selector.matchLabels ?? {}, labels)) return false;
  return (selector.matchExpressions ?? []).every(({ key, operator, values = [] }) => {
    const value = labels && Object.hasOwn(labels, key) ? labels[key] : undefined;
    switch (operator) {
      case 'In':
        return value !== undefined && values.includes(value);
      case 'NotIn':
        return value === undefined || !values.includes(value);
      case 'Exists':
        return value !== undefined;
      case 'DoesNotExist':
        return value === undefined;
      default:
        return false;
    }
  });
}

/** Every pair of `wanted` is there. */
export function matchesLabels(wanted: Readonly<Record<string, string>>, labels: Labels): boolean {
  for (const key in wanted) if (labels?.[key] !== wanted[key]) return false;
  return true;
}

/** Such a selector would claim every object of its namespace: workloads refuse it. */
export const selectsEverything = (selector: LabelSelector | undefined): boolean =>
  selector !== undefined &&
  Object.keys(selector.matchLabels ?? {}).length === 0 &&
  (selector.matchExpressions ?? []).length === 0;
