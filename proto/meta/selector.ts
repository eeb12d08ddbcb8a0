import { labelKeyProblems, labelValueProblems } from '#proto/meta/label-syntax.ts';
import type { LabelSelector } from '#proto/schema/generated/meta-v1.ts';

/**
 * Label selectors, in both of their forms: the text of `?labelSelector=` and the object in specs. Rule:
 * apimachinery `pkg/labels`; errors carry upstream's sentences.
 */
export type Operator = 'in' | 'notin' | '=' | '==' | '!=' | 'exists' | '!' | 'gt' | 'lt';

export interface Requirement {
  readonly key: string;
  readonly operator: Operator;
  /** Sorted and without doubles when it came from text. */
  readonly values: readonly string[];
}

/** All requirements must hold. `nothing` is the selector that selects no object at all. */
export interface Selector {
  readonly requirements: readonly Requirement[];
  readonly nothing: boolean;
}

export const everything: Selector = { requirements: [], nothing: false };
export const nothing: Selector = { requirements: [], nothing: true };

export type Labels = Readonly<Record<string, string>>;

/** The text or object is no selector; the message is what upstream answers with 400. */
export class SelectorError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'SelectorError';
  }
}

/** Whether an object with these labels is selected. */
export function matchesLabels(selector: Selector, labels: Labels | undefined): boolean {
  if (selector.nothing) return false;
  return selector.requirements.every((r) => holds(r, labels));
}

function holds({ key, operator, values }: Requirement, labels: Labels | undefined): boolean {
  const value = labels && Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case 'in':
    case '=':
    case '==':
      return value !== undefined && values.includes(value);
    case 'notin':
    case '!=':
      return value === undefined || !values.includes(value);
    case 'exists':
      return value !== undefined;
    case '!':
      return value === undefined;
    case 'gt':
    case 'lt':
      return value !== undefined && compares(operator, value, values[0]);
  }
}

const INTEGER = /^[+-]?[0-9]{1,19}$/;

function compares(operator: 'gt' | 'lt', value: string, bound: string | undefined): boolean {
  if (!INTEGER.test(value) || bound === undefined || !INTEGER.test(bound)) return false;
  const difference = BigInt(value.replace('+', '')) - BigInt(bound.replace('+', ''));
  return operator === 'gt' ? difference > 0n : difference < 0n;
}

/** A selector of exactly these labels; undefined or empty selects everything. Not validated. */
export const selectorFromLabels = (labels: Labels | undefined): Selector => ({
  nothing: false,
  requirements: Object.entries(labels ?? {}).map(([key, value]) => ({ key, operator: '=', values: [value] })),
});

const OPERATOR_OF = { In: 'in', NotIn: 'notin', Exists: 'exists', DoesNotExist: '!' } as const;

/** The selector of a spec: absent selects nothing, `{}` selects everything. Throws {@link SelectorError}. */
export function selectorFromObject(selector: LabelSelector | undefined | null): Selector {
  if (!selector) return nothing;
  const requirements: Requirement[] = Object.entries(selector.matchLabels ?? {}).map(([key, value]) =>
    checked({ key, operator: '=', values: [value] }),
  );
  for (const { key, operator, values } of selector.matchExpressions ?? []) {
    const own = Object.hasOwn(OPERATOR_OF, operator)
      ? OPERATOR_OF[operator as keyof typeof OPERATOR_OF]
      : undefined;
    if (!own) throw new SelectorError(`${JSON.stringify(operator)} is not a valid label selector operator`);
    requirements.push(checked({ key, operator: own, values: values ?? [] }));
  }
  return { nothing: false, requirements: byKey(requirements) };
}

const byKey = (requirements: Requirement[]): Requirement[] =>
  requirements.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));

const goList = (values: readonly string[]): string => JSON.stringify(values);

/** A requirement as parsers and other builders make it, or {@link SelectorError} with every problem. */
export function checked(r: Requirement): Requirement {
  const problems: string[] = [];
  const keys = labelKeyProblems(r.key);
  if (keys.length > 0) problems.push(`key: Invalid value: ${JSON.stringify(r.key)}: ${keys.join('; ')}`);
  const values = (detail: string): number =>
    problems.push(`values: Invalid value: ${goList(r.values)}: ${detail}`);
  const count = r.values.length;
  switch (r.operator) {
    case 'in':
    case 'notin':
      if (count === 0) values("for 'in', 'notin' operators, values set can't be empty");
      break;
    case '=':
    case '==':
    case '!=':
      if (count !== 1) values('exact-match compatibility requires one single value');
      break;
    case 'exists':
    case '!':
      if (count !== 0) values('values set must be empty for exists and does not exist');
      break;
    case 'gt':
    case 'lt':
      if (count !== 1) values("for 'Gt', 'Lt' operators, exactly one value is required");
      r.values.forEach((value, i) => {
        if (!INTEGER.test(value))
          problems.push(
            `values[${i}]: Invalid value: ${JSON.stringify(value)}: for 'Gt', 'Lt' operators, the value must be an integer`,
          );
      });
  }
  r.values.forEach((value, i) => {
    const bad = labelValueProblems(value);
    if (bad.length > 0)
      problems.push(`values[${i}][${r.key}]: Invalid value: ${JSON.stringify(value)}: ${bad.join('; ')}`);
  });
  if (problems.length === 0) return r;
  throw new SelectorError(problems.length === 1 ? (problems[0] ?? '') : `[${problems.join(', ')}]`);
}

/** Back to text, in the form that `?labelSelector=` and `scale.status.selector` use. */
export const formatSelector = (selector: Selector): string =>
  selector.requirements.map(formatRequirement).join(',');

function formatRequirement({ key, operator, values }: Requirement): string {
  const list = values.length > 1 ? [...values].sort().join(',') : (values[0] ?? '');
  switch (operator) {
    case 'exists':
      return key;
    case '!':
      return `!${key}`;
    case 'in':
    case 'notin':
      return `${key} ${operator} (${list})`;
    case 'gt':
      return `${key}>${list}`;
    case 'lt':
      return `${key}<${list}`;
    default:
      return `${key}${operator}${list}`;
  }
}
