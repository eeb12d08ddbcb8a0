import { type FieldError, invalidValue, required } from '#proto/meta/field-error.ts';
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionNames,
} from '#proto/schema/generated/apiextensions-v1.ts';
import { dns1035LabelProblems } from '#server/registry/validation/names.ts';

/** The names of a kind, as far as they are there. Rule: `validation.ValidateCustomResourceDefinitionNames`. */
export function validateNames(names: CustomResourceDefinitionNames, path: string): FieldError[] {
  const { kind, listKind } = names;
  const label = (value: string | undefined, at: string, why = ''): FieldError[] => {
    const problems = value ? dns1035LabelProblems(why ? value.toLowerCase() : value) : [];
    return problems.length > 0 ? [invalidValue(`${path}.${at}`, value, why + problems.join(','))] : [];
  };
  const mixed = 'may have mixed case, but should otherwise match: ';
  const each = (values: readonly string[] | undefined, at: string): FieldError[] =>
    (values ?? []).flatMap((value, i) => {
      const problems = dns1035LabelProblems(value);
      return problems.length > 0 ? [invalidValue(`${path}.${at}[${i}]`, value, problems.join(','))] : [];
    });
  return [
    ...label(names.plural, 'plural'),
    ...label(names.singular, 'singular'),
    ...label(kind, 'kind', mixed),
    ...label(listKind, 'listKind', mixed),
    ...each(names.shortNames, 'shortNames'),
    ...(kind && kind === listKind
      ? [invalidValue(`${path}.listKind`, listKind, 'kind and listKind may not be the same')]
      : []),
    ...each(names.categories, 'categories'),
  ];
}

/** Names without which a definition can not be. */
export const requireNames = (names: CustomResourceDefinitionNames, path: string): FieldError[] =>
  (['plural', 'singular', 'kind', 'listKind'] as const)
    .filter((key) => !names[key])
    .map((key) => required(`${path}.${key}`));

const APPROVED = 'api-approved.kubernetes.io';

export type Approval = 'missing' | 'bypassed' | 'approved' | 'invalid';

/** Undefined for groups that need none. */
export function approvalOf({ metadata, spec }: CustomResourceDefinition): Approval | undefined {
  if (!/(?:^|\.)(?:k8s|kubernetes)\.io$/.test(spec.group)) return undefined;
  const text = metadata.annotations?.[APPROVED] ?? '';
  if (text === '') return 'missing';
  if (text.startsWith('unapproved')) return 'bypassed';
  return /^[a-z][a-z0-9+.-]*:\/\/[^\s/?]+(?:[/?][^\s]*)?$/i.test(text) ? 'approved' : 'invalid';
}

/**
 * Groups of the Kubernetes community need its approval, noted in an annotation. An update that leaves that as it was is
 * fine. Rule: `validation.validateAPIApproval`.
 */
export function validateApproval(
  definition: CustomResourceDefinition,
  old: CustomResourceDefinition | undefined,
): FieldError[] {
  const approval = approvalOf(definition);
  if (old && approvalOf(old) === approval) return [];
  const at = `metadata.annotations[${APPROVED}]`;
  const detail = approvalDetail(definition);
  if (approval === 'missing') return [required(at, detail)];
  return approval === 'invalid'
    ? [invalidValue(at, definition.metadata.annotations?.[APPROVED], detail)]
    : [];
}

/** What there is to say of the approval of a group that needs one. */
export function approvalDetail(definition: CustomResourceDefinition): string {
  const text = definition.metadata.annotations?.[APPROVED] ?? '';
  const rule = `protected groups must have approval annotation "${APPROVED}"`;
  const where = 'see https://github.com/kubernetes/enhancements/pull/1111';
  switch (approvalOf(definition)) {
    case 'bypassed':
      return `not approved: ${JSON.stringify(text)}`;
    case 'approved':
      return `approved in ${text}`;
    case 'invalid':
      return `${rule} with either a URL or a reason starting with "unapproved", ${where}`;
    default:
      return `${rule}, ${where}`;
  }
}
