import { timestamp } from '#proto/meta/timestamp.ts';
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionCondition,
  CustomResourceDefinitionNames,
} from '#proto/schema/generated/apiextensions-v1.ts';
import {
  type Approval,
  approvalDetail,
  approvalOf,
} from '#server/registry/apiextensions/definition-names.ts';

export const CLEANUP = 'customresourcecleanup.apiextensions.k8s.io';

/** A condition as it should be; when it became so is settled where it is set. */
export type Verdict = Omit<CustomResourceDefinitionCondition, 'lastTransitionTime' | 'observedGeneration'>;

export interface AcceptedNames {
  readonly names: CustomResourceDefinitionNames;
  readonly condition: Verdict;
}

/** Resource names and kinds that the other definitions of a group have taken. */
export interface TakenNames {
  readonly resources: ReadonlySet<string>;
  readonly kinds: ReadonlySet<string>;
}

export function takenNames(others: Iterable<CustomResourceDefinition>): TakenNames {
  const resources = new Set<string>();
  const kinds = new Set<string>();
  for (const { status } of others) {
    const names = status?.acceptedNames;
    if (!names) continue;
    for (const name of [names.plural, names.singular, ...(names.shortNames ?? [])])
      if (name) resources.add(name);
    for (const kind of [names.kind, names.listKind]) if (kind) kinds.add(kind);
  }
  return { resources, kinds };
}

/**
 * The names that a definition gets: each one that nobody else has, and for the others what it had before. Rule:
 * apiextensions-apiserver `controller/status/naming_controller.go`.
 */
export function acceptNames(
  { spec, status }: CustomResourceDefinition,
  { resources, kinds }: TakenNames,
): AcceptedNames {
  const wanted = spec.names;
  const had: CustomResourceDefinitionNames = status?.acceptedNames ?? { plural: '', kind: '' };
  const names: CustomResourceDefinitionNames = { ...had };
  let conflict: { reason: string; message: string } | undefined;

  const take = (
    key: 'plural' | 'singular' | 'kind' | 'listKind',
    reason: string,
    taken: ReadonlySet<string>,
  ) => {
    const name = wanted[key] ?? '';
    if (name !== (had[key] ?? '') && taken.has(name)) conflict = { reason, message: inUse(name) };
    else names[key] = name;
  };
  take('plural', 'PluralConflict', resources);
  take('singular', 'SingularConflict', resources);
  const lost = (wanted.shortNames ?? []).filter(
    (name) => !had.shortNames?.includes(name) && resources.has(name),
  );
  if (lost.length > 0) conflict = { reason: 'ShortNamesConflict', message: aggregate(lost.map(inUse)) };
  else if (wanted.shortNames) names.shortNames = wanted.shortNames;
  else delete names.shortNames;
  take('kind', 'KindConflict', kinds);
  take('listKind', 'ListKindConflict', kinds);
  if (wanted.categories) names.categories = wanted.categories;
  else delete names.categories;

  const found = { reason: 'NoConflicts', message: 'no conflicts found' };
  const accepted = conflict === undefined;
  return {
    names,
    condition: { type: 'NamesAccepted', status: accepted ? 'True' : 'False', ...(conflict ?? found) },
  };
}

const inUse = (name: string): string => `${JSON.stringify(name)} is already in use`;

const aggregate = (messages: readonly string[]): string =>
  messages.length === 1 ? (messages[0] ?? '') : `[${[...new Set(messages)].join(', ')}]`;

const INSTALLED: Verdict = {
  type: 'Established',
  status: 'True',
  reason: 'InitialNamesAccepted',
  message: 'the initial names have been accepted',
};

const NOT_ACCEPTED: Verdict = {
  type: 'Established',
  status: 'False',
  reason: 'NotAccepted',
  message: 'not all names are accepted',
};

const BAD_BUNDLE: Verdict = {
  type: 'Established',
  status: 'False',
  reason: 'InvalidCABundle',
  message: 'The conversion webhook CABundle is invalid',
};

/** Whether the kind is served: once that is so, it stays. `trusted`: its conversion webhook's CA can be read. */
export function establish(
  definition: CustomResourceDefinition,
  accepted: boolean,
  trusted: boolean,
): Verdict | undefined {
  const current = conditionOf(definition, 'Established');
  if (current?.status === 'True') return undefined;
  if (!accepted) return current ? undefined : NOT_ACCEPTED;
  return trusted ? INSTALLED : BAD_BUNDLE;
}

const APPROVALS = {
  missing: { status: 'False', reason: 'MissingAnnotation' },
  invalid: { status: 'False', reason: 'InvalidAnnotation' },
  bypassed: { status: 'False', reason: 'UnapprovedAnnotation' },
  approved: { status: 'True', reason: 'ApprovedAnnotation' },
} as const satisfies Record<Approval, unknown>;

/** Whether the community approved a kind of one of its groups; undefined for other groups. */
export function approvalVerdict(definition: CustomResourceDefinition): Verdict | undefined {
  const approval = approvalOf(definition);
  return (
    approval && {
      type: 'KubernetesAPIApprovalPolicyConformant',
      ...APPROVALS[approval],
      message: approvalDetail(definition),
    }
  );
}

export const conditionOf = (
  { status }: CustomResourceDefinition,
  type: string,
): CustomResourceDefinitionCondition | undefined => status?.conditions?.find((one) => one.type === type);

/** The conditions with these set; the time is that of the last change of a status. */
export function withConditions(
  conditions: readonly CustomResourceDefinitionCondition[] | undefined,
  verdicts: readonly Verdict[],
  now: number,
): CustomResourceDefinitionCondition[] {
  const result = [...(conditions ?? [])];
  for (const verdict of verdicts) {
    const at = result.findIndex(({ type }) => type === verdict.type);
    const known = result[at];
    const lastTransitionTime = known?.status === verdict.status ? known.lastTransitionTime : timestamp(now);
    const next = { ...verdict, lastTransitionTime };
    if (at < 0) result.push(next);
    else result[at] = next;
  }
  return result;
}
