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

type Approval = 'missing' | 'bypassed' | 'approved' | 'invalid';

function approvalOf({ metadata }: CustomResourceDefinition): Approval {
  const text = metadata.annotations?.[APPROVED] ?? '';
  if (text === '') return 'missing';
  if (text.startsWith('unapproved')) return 'bypassed';
  return URL.canParse(text) && new URL(text).host !== '' ? 'approved' : 'invalid';
}

/**
 * Groups of the Kubernetes community need its approval, noted in an annotation. An update that leaves that as it was is
 * fine. Rule: `validation.validateAPIApproval`.
 */
export function validateApproval(
  definition: CustomResourceDefinition,
  old: CustomResourceDefinition | undefined,
): FieldError[] {
  if (!/(?:^|\.)(?:k8s|kubernetes)\.io$/.test(definition.spec.group)) return [];
  const approval = approvalOf(definition);
  if (old && approvalOf(old) === approval) return [];
  const at = `metadata.annotations[${APPROVED}]`;
  const rule = `protected groups must have approval annotation "${APPROVED}"`;
  const where = 'see https://github.com/kubernetes/enhancements/pull/1111';
  if (approval === 'missing') return [required(at, `${rule}, ${where}`)];
  if (approval !== 'invalid') return [];
  const detail = `${rule} with either a URL or a reason starting with "unapproved", ${where}`;
  return [invalidValue(at, definition.metadata.annotations?.[APPROVED], detail)];
}
