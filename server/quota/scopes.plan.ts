import type { KubeObject } from '#proto/meta/object.ts';
import type { PersistentVolumeClaim, Pod, ResourceQuota } from '#proto/schema/generated/core-v1.ts';
import { qosClassOf } from '#server/registry/core/pod-qos.ts';

interface Term {
  readonly scopeName: string;
  readonly operator: string;
  readonly values?: readonly string[] | undefined;
}

/** Does the quota count this object? Scopes choose among Pods, one among claims; a quota with scopes counts nothing else. */
export function isInScope(
  { spec }: ResourceQuota,
  { group, plural }: { readonly group: string; readonly plural: string },
  object: KubeObject,
): boolean {
  const terms: readonly Term[] = [
    ...(spec.scopes ?? []).map((scopeName) => ({ scopeName, operator: 'Exists' })),
    ...(spec.scopeSelector?.matchExpressions ?? []),
  ];
  if (terms.length === 0) return true;
  if (group !== '') return false;
  if (plural === 'pods') return terms.every((term) => matches(term, object as Pod));
  return plural === 'persistentvolumeclaims' && terms.every((term) => matchesClaim(term, object));
}

function matchesClaim(term: Term, object: KubeObject): boolean {
  const { spec, status } = object as PersistentVolumeClaim;
  if (term.scopeName !== 'VolumeAttributesClass') return false;
  // A change that is under way counts for the class that it comes from, too.
  const names = [
    spec.volumeAttributesClassName,
    status?.currentVolumeAttributesClassName,
    status?.modifyVolumeStatus?.targetVolumeAttributesClassName,
  ].filter((name) => name !== undefined && name !== '') as string[];
  return names.length === 0 ? matchesValue(term, '') : names.some((name) => matchesValue(term, name));
}

function matches(term: Term, { spec }: Pod): boolean {
  switch (term.scopeName) {
    case 'Terminating':
      return isTerminating(spec.activeDeadlineSeconds);
    case 'NotTerminating':
      return !isTerminating(spec.activeDeadlineSeconds);
    case 'BestEffort':
      return qosClassOf(spec) === 'BestEffort';
    case 'NotBestEffort':
      return qosClassOf(spec) !== 'BestEffort';
    case 'PriorityClass':
      return matchesValue(term, spec.priorityClassName ?? '');
    case 'CrossNamespacePodAffinity':
      return reachesOut(spec);
    default:
      return false;
  }
}

const isTerminating = (deadline: number | undefined): boolean => deadline !== undefined && deadline >= 0;

function matchesValue({ operator, values = [] }: Term, value: string): boolean {
  switch (operator) {
    case 'In':
      return value !== '' && values.includes(value);
    case 'NotIn':
      return !values.includes(value);
    case 'Exists':
      return value !== '';
    case 'DoesNotExist':
      return value === '';
    default:
      return false;
  }
}

/** Names Pods of other namespaces to be near to or far from. */
function reachesOut({ affinity }: Pod['spec']): boolean {
  const terms = [affinity?.podAffinity, affinity?.podAntiAffinity].flatMap((one) => [
    ...(one?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
    ...(one?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((p) => p.podAffinityTerm),
  ]);
  return terms.some(({ namespaces, namespaceSelector }) => namespaces?.length || namespaceSelector);
}
