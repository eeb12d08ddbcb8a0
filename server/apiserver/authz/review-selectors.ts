/** Selectors in access reviews, which come as text or as requirements. Rule: upstream's `authorization/util`. */
import { type FieldError, forbiddenField, invalidValue, required } from '#proto/meta/field-error.ts';
import { formatFieldSelector, parseFieldSelector } from '#proto/meta/field-selector.ts';
import { labelKeyProblems } from '#proto/meta/label-syntax.ts';
import { parseLabelSelector } from '#proto/meta/selector-parser.ts';
import type { ResourceAttributes } from '#proto/schema/generated/authorization-v1.ts';
import type { FieldSelectorRequirement, LabelSelectorRequirement } from '#proto/schema/generated/meta-v1.ts';

/** A selector as a query would have it. What can't be read is left out: the check is then for more, never for less. */
export interface ReadSelector {
  readonly selector: string | undefined;
  readonly error: string | undefined;
}

interface Attributes<R> {
  readonly rawSelector?: string | undefined;
  readonly requirements?: readonly R[] | undefined;
}

const AT = 'spec.resourceAttributes';

/** What is wrong with the selectors of a review. */
export function selectorProblems({ fieldSelector, labelSelector }: ResourceAttributes): FieldError[] {
  return [
    ...formProblems(fieldSelector, `${AT}.fieldSelector`),
    ...(fieldSelector?.requirements ?? []).flatMap((one, i) =>
      fieldRequirementProblems(one, `${AT}.fieldSelector.requirements[${i}]`),
    ),
    ...formProblems(labelSelector, `${AT}.labelSelector`),
    ...(labelSelector?.requirements ?? []).flatMap((one, i) =>
      labelRequirementProblems(one, `${AT}.labelSelector.requirements[${i}]`),
    ),
  ];
}

function formProblems(selector: Attributes<unknown> | undefined, at: string): FieldError[] {
  if (!selector) return [];
  const { rawSelector, requirements = [] } = selector;
  if (rawSelector && requirements.length > 0)
    return [
      invalidValue(`${at}.rawSelector`, rawSelector, 'may not specified at the same time as requirements'),
    ];
  if (rawSelector || requirements.length > 0) return [];
  return [required(`${at}.requirements`, `when ${at} is specified, requirements or rawSelector is required`)];
}

function operandProblems({ operator, values = [] }: LabelSelectorRequirement, at: string): FieldError[] {
  switch (operator) {
    case 'In':
    case 'NotIn':
      return values.length > 0
        ? []
        : [required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'")];
    case 'Exists':
    case 'DoesNotExist':
      return values.length === 0
        ? []
        : [
            forbiddenField(
              `${at}.values`,
              "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
            ),
          ];
    default:
      // A newer client may know more operators.
      return [];
  }
}

const labelRequirementProblems = (one: LabelSelectorRequirement, at: string): FieldError[] => [
  ...operandProblems(one, at),
  ...labelKeyProblems(one.key).map((problem) => invalidValue(`${at}.key`, one.key, problem)),
];

const fieldRequirementProblems = (one: FieldSelectorRequirement, at: string): FieldError[] => [
  ...operandProblems(one, at),
  ...(one.key ? [] : [required(`${at}.key`, 'must be specified')]),
];

export const readFieldSelector = (selector: ResourceAttributes['fieldSelector']): ReadSelector =>
  read('fieldSelector', selector, fieldText, (text) => formatFieldSelector(parseFieldSelector(text)));

export const readLabelSelector = (selector: ResourceAttributes['labelSelector']): ReadSelector =>
  read('labelSelector', selector, labelText, (text) => {
    parseLabelSelector(text);
    return text;
  });

function read<R>(
  what: string,
  selector: Attributes<R> | undefined,
  textOf: (requirement: R) => string | undefined,
  check: (text: string) => string,
): ReadSelector {
  const { rawSelector, requirements = [] } = selector ?? {};
  const texts = requirements.length > 0 ? requirements.map(textOf) : rawSelector ? [rawSelector] : [];
  const good: string[] = [];
  for (const text of texts) {
    try {
      if (text !== undefined) good.push(check(text));
    } catch {
      // Counted below: there is one fewer.
    }
  }
  const how = good.length > 0 ? 'partially ignored' : 'ignored';
  return {
    selector: good.length > 0 ? good.join(',') : undefined,
    error: good.length < texts.length ? `${AT}.${what} ${how} due to parse error` : undefined,
  };
}

function fieldText({ key, operator, values = [] }: FieldSelectorRequirement): string | undefined {
  const [value, ...more] = values;
  if (value === undefined || more.length > 0) return undefined;
  const sign = { In: '=', NotIn: '!=' }[operator] as '=' | '!=' | undefined;
  return sign && formatFieldSelector([{ field: key, operator: sign, value }]);
}

function labelText({ key, operator, values = [] }: LabelSelectorRequirement): string | undefined {
  switch (operator) {
    case 'In':
      return `${key} in (${values.join(',')})`;
    case 'NotIn':
      return `${key} notin (${values.join(',')})`;
    case 'Exists':
      return key;
    case 'DoesNotExist':
      return `!${key}`;
    default:
      return undefined;
  }
}
