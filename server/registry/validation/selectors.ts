import { type FieldError, forbiddenField, invalidValue, required } from '#proto/meta/field-error.ts';
import { labelKeyProblems, labelValueProblems } from '#proto/meta/label-syntax.ts';
import { matchesLabels, SelectorError, selectorFromObject } from '#proto/meta/selector.ts';
import type { LabelSelector, LabelSelectorRequirement } from '#proto/schema/generated/meta-v1.ts';
import { eachAt, problemsAt } from '#server/registry/validation/field-checks.ts';
import { validateLabels } from '#server/registry/validation/object-meta.ts';

const NEEDS_VALUES = "must be specified when `operator` is 'In' or 'NotIn'";
const NO_VALUES = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";

/** A label selector as written. Rule: apimachinery `pkg/apis/meta/v1/validation`. */
export function validateLabelSelector(selector: LabelSelector | undefined, path: string): FieldError[] {
  if (!selector) return [];
  return [
    ...validateLabels(selector.matchLabels, `${path}.matchLabels`),
    ...eachAt(selector.matchExpressions, `${path}.matchExpressions`, validateRequirement),
  ];
}

/** What Deployments and their like need: a selector that selects something. */
export function validateWorkloadSelector(
  selector: LabelSelector | undefined,
  kind: string,
  path: string,
): FieldError[] {
  if (!selector) return kind === 'daemonset' ? [] : [required(path)];
  const errors = validateLabelSelector(selector, path);
  // Two of the four say it once more, of the whole; one says it without a word.
  if (errors.length > 0 && kind === 'deployment') {
    return [...errors, invalidValue(path, selector, 'invalid label selector')];
  }
  if (errors.length > 0 && kind === 'statefulset') return [...errors, invalidValue(path, selector, '')];
  if (isEmptySelector(selector)) {
    errors.push(invalidValue(path, selector, `empty selector is invalid for ${kind}`));
  }
  return errors;
}

/** The labels of a template must be what the selector looks for, or the controller would create forever. */
export function validateTemplateLabels(
  selector: LabelSelector | undefined,
  labels: Record<string, string> | undefined,
  path: string,
): FieldError[] {
  if (selector && isEmptySelector(selector)) return [];
  try {
    if (selector && matchesLabels(selectorFromObject(selector), labels)) return [];
  } catch (err) {
    // Said where the selector itself is checked.
    if (err instanceof SelectorError) return [];
    throw err;
  }
  const detail = '`selector` does not match template `labels`';
  return [invalidValue(`${path}.metadata.labels`, labels ?? null, detail)];
}

const isEmptySelector = (selector: LabelSelector): boolean =>
  Object.keys(selector.matchLabels ?? {}).length + (selector.matchExpressions?.length ?? 0) === 0;

function validateRequirement(requirement: LabelSelectorRequirement, path: string): FieldError[] {
  return [
    ...validateOperands(requirement, path),
    ...problemsAt(`${path}.key`, requirement.key ?? '', labelKeyProblems(requirement.key ?? '')),
    ...eachAt(requirement.values, `${path}.values`, (value, at) =>
      problemsAt(at, value, labelValueProblems(value)),
    ),
  ];
}

/** Operator and number of values, as label and node selectors share them. */
export function validateOperands(
  { operator, values }: { readonly operator: string; readonly values?: readonly string[] | undefined },
  path: string,
): FieldError[] {
  switch (operator) {
    case 'In':
    case 'NotIn':
      return values?.length ? [] : [required(`${path}.values`, NEEDS_VALUES)];
    case 'Exists':
    case 'DoesNotExist':
      return values?.length ? [forbiddenField(`${path}.values`, NO_VALUES)] : [];
    default:
      return [invalidValue(`${path}.operator`, operator ?? '', 'not a valid selector operator')];
  }
}
