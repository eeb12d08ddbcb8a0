import type { LabelSelector } from '#proto/schema/generated/meta-v1.ts';

/** As Go prints one in events and errors: `&LabelSelector{MatchLabels:map[string]string{app: web,},…}`. */
export function printedSelector(selector: LabelSelector | undefined): string {
  if (!selector) return 'nil';
  const labels = Object.keys(selector.matchLabels ?? {}).sort();
  const map = labels.map((key) => `${key}: ${selector.matchLabels?.[key]},`).join('');
  const list = (selector.matchExpressions ?? []).map(
    ({ key, operator, values = [] }) =>
      `LabelSelectorRequirement{Key:${key},Operator:${operator},Values:[${values.join(' ')}],},`,
  );
  return `&LabelSelector{MatchLabels:map[string]string{${map}},MatchExpressions:[]LabelSelectorRequirement{${list.join('')}},}`;
}
