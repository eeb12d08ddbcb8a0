import { groupResourceOf } from '#proto/api/resource.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import { forbidden, notFound } from '#proto/meta/status-error.ts';
import type { ClusterRole, PolicyRule, RoleBinding } from '#proto/schema/generated/rbac-v1.ts';
import type { AdmissionAttributes, AdmissionPlugin } from '#server/apiserver/admission/admission.ts';
import { refused } from '#server/apiserver/admission/refuse.ts';
import type { Authorizer } from '#server/apiserver/authz/authorizer.ts';
import type { RbacAuthorizer } from '#server/apiserver/authz/rbac.ts';
import { compact, printRule, uncovered } from '#server/apiserver/authz/rules.ts';
import { isSame } from '#server/registry/validation/field-checks.ts';

const EVERYTHING: readonly PolicyRule[] = [
  { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
  { verbs: ['*'], nonResourceURLs: ['*'] },
];
const GROUP = 'rbac.authorization.k8s.io';

/**
 * Nobody gives away more than they have: a role may hold rules that its author holds, a binding may name a role whose
 * rules its author holds, unless the author may `escalate` or `bind` them. Rule: upstream's RBAC policy-based storage.
 */
export class RoleEscalation implements AdmissionPlugin {
  readonly name = 'RoleEscalation';
  readonly #authorizer: Authorizer;
  readonly #rbac: RbacAuthorizer;

  constructor(authorizer: Authorizer, rbac: RbacAuthorizer) {
    this.#authorizer = authorizer;
    this.#rbac = rbac;
  }

  async validate(attributes: AdmissionAttributes): Promise<void> {
    const { resource, operation, user, object } = attributes;
    if (resource.group !== GROUP || !object || (operation !== 'CREATE' && operation !== 'UPDATE')) return;
    if (user.groups.includes('system:masters')) return;
    if (resource.kind === 'Role' || resource.kind === 'ClusterRole') await this.#role(attributes);
    else await this.#binding(attributes);
  }

  async #role(attributes: AdmissionAttributes): Promise<void> {
    const { oldObject, resource, name, namespace } = attributes;
    const role = attributes.object as ClusterRole;
    const before = oldObject as ClusterRole | undefined;
    if (before && changesNothing(role, before)) return;
    if (await this.#may(attributes, 'escalate', resource.plural, name)) return;
    this.#hold(attributes, namespace, role.rules ?? []);
    if (!role.aggregationRule && !before?.aggregationRule) return;
    // What it collects is not known yet: only who holds everything may promise it.
    if (uncovered(this.#rbac.rulesFor(attributes.user, namespace).rules, EVERYTHING).length > 0)
      throw refused(attributes, 'must have cluster-admin privileges to use the aggregationRule');
  }

  async #binding(attributes: AdmissionAttributes): Promise<void> {
    const { oldObject, namespace, resource } = attributes;
    const binding = attributes.object as RoleBinding;
    if (oldObject && changesNothing(binding, oldObject)) return;
    const { roleRef } = binding;
    const plural = roleRef.kind === 'ClusterRole' ? 'clusterroles' : 'roles';
    if (await this.#may(attributes, 'bind', plural, roleRef.name)) return;
    const rules = this.#rbac.roleRules(roleRef, namespace);
    // Of the binding, as upstream words it.
    if (!rules) throw notFound(groupResourceOf(resource), roleRef.name);
    this.#hold(attributes, namespace, rules);
  }

  async #may(
    { user, namespace }: AdmissionAttributes,
    verb: string,
    resource: string,
    name: string,
  ): Promise<boolean> {
    const request = {
      kind: 'resource',
      user,
      verb,
      group: GROUP,
      version: 'v1',
      resource,
      namespace,
      name,
    } as const;
    return (await this.#authorizer.authorize(request)).allowed;
  }

  #hold(
    { user, resource, name }: AdmissionAttributes,
    namespace: string | undefined,
    wanted: readonly PolicyRule[],
  ): void {
    const held = this.#rbac.rulesFor(user, namespace);
    const lacks = uncovered(held.rules, wanted);
    if (lacks.length === 0) return;
    const groups = user.groups.map((group) => JSON.stringify(group)).join(' ');
    const failed = held.errors.length > 0 ? `; resolution errors: [${held.errors.join(', ')}]` : '';
    throw forbidden(
      groupResourceOf(resource),
      name,
      `user ${JSON.stringify(user.name)} (groups=[${groups}]) is attempting to grant RBAC permissions not currently held:\n${compact(lacks).map(printRule).sort().join('\n')}${failed}`,
    );
  }
}

/** Is it the same but for what garbage collection writes? */
function changesNothing(next: KubeObject, old: KubeObject): boolean {
  const rest = ({ metadata, ...object }: KubeObject): object => {
    const {
      ownerReferences: _,
      finalizers: __,
      managedFields: ___,
      resourceVersion: ____,
      ...own
    } = metadata;
    return { ...object, metadata: own };
  };
  return isSame(rest(next), rest(old));
}
