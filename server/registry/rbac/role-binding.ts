import { type FieldError, notSupported, notSupportedInOrder, required } from '#proto/meta/field-error.ts';
import type { ClusterRoleBinding, RoleBinding, Subject } from '#proto/schema/generated/rbac-v1.ts';
import type { Strategy } from '#server/registry/strategy.ts';
import { eachAt, immutable, problemsAt } from '#server/registry/validation/field-checks.ts';
import { dnsSubdomainProblems, pathSegmentProblems } from '#server/registry/validation/names.ts';

const GROUP = 'rbac.authorization.k8s.io';
const KINDS = ['ServiceAccount', 'User', 'Group'];
type Binding = RoleBinding | ClusterRoleBinding;

const bindingStrategy = <T extends Binding>(kinds: readonly string[], namespaced: boolean): Strategy<T> => ({
  nameRule: 'path-segment',
  applyDefaults: (object) => {
    object.roleRef ??= { apiGroup: '', kind: '', name: '' };
    object.roleRef.apiGroup ||= GROUP;
    for (const subject of object.subjects ?? []) {
      if (subject.kind === 'User' || subject.kind === 'Group') subject.apiGroup ||= GROUP;
    }
  },
  validate: (object) => validateBinding(object, kinds, namespaced),
  // Who may bind one role must not thereby hand out another: a new role is a new binding.
  validateUpdate: (object, old) =>
    immutable('roleRef', object.roleRef, old.roleRef).map((error) => ({
      ...error,
      message: error.message?.replace('field is immutable', 'cannot change roleRef') ?? '',
    })),
});

export const roleBinding = bindingStrategy<RoleBinding>(['Role', 'ClusterRole'], true);
export const clusterRoleBinding = bindingStrategy<ClusterRoleBinding>(['ClusterRole'], false);

function validateBinding(
  { roleRef, subjects }: Binding,
  kinds: readonly string[],
  namespaced: boolean,
): FieldError[] {
  const errors: FieldError[] = [];
  if (roleRef.apiGroup !== GROUP) errors.push(notSupported('roleRef.apiGroup', roleRef.apiGroup, [GROUP]));
  if (!kinds.includes(roleRef.kind))
    errors.push(notSupportedInOrder('roleRef.kind', roleRef.kind ?? '', kinds));
  if (!roleRef.name) errors.push(required('roleRef.name'));
  else errors.push(...problemsAt('roleRef.name', roleRef.name, pathSegmentProblems(roleRef.name)));
  return [
    ...errors,
    ...eachAt(subjects, 'subjects', (subject, at) => validateSubject(subject, namespaced, at)),
  ];
}

function validateSubject(subject: Subject, namespaced: boolean, path: string): FieldError[] {
  const { kind, apiGroup = '', name, namespace } = subject;
  const errors = name ? [] : [required(`${path}.name`)];
  switch (kind) {
    case 'ServiceAccount':
      if (name) errors.push(...problemsAt(`${path}.name`, name, dnsSubdomainProblems(name)));
      if (apiGroup) errors.push(notSupported(`${path}.apiGroup`, apiGroup, ['']));
      if (!namespaced && !namespace) errors.push(required(`${path}.namespace`));
      return errors;
    case 'User':
    case 'Group':
      if (apiGroup !== GROUP) errors.push(notSupported(`${path}.apiGroup`, apiGroup, [GROUP]));
      return errors;
    default:
      return [...errors, notSupportedInOrder(`${path}.kind`, kind ?? '', KINDS)];
  }
}
