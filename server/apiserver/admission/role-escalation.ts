import { groupResourceOf } from '#proto/api/resource.ts';
import { forbidden, notFound } from '#proto/meta/status-error.ts';
import type { ClusterRole, PolicyRule, RoleBinding, RoleRef } from '#proto/schema/generated/rbac-v1.ts';
import type { AdmissionAttributes, AdmissionPlugin } from '#server/apiserver/admission/admission.ts';
import type { Authorizer } from '#server/apiserver/authz/authorizer.ts';
import type { RbacAuthorizer } from '#server/apiserver/authz/rbac.ts';
import { printRule, uncovered } from '#server/apiserver/authz/rules.ts';

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
    const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);
    if (before && same(before.rules, role.rules) && same(before.aggregationRule, role.aggregationRule))
      return;
    if (await this.#may(attributes, 'escalate', resource.plural, name)) return;
    if (role.aggregationRule) {
      // What it will collect is not known yet: only who holds everything may promise it.
      this.#hold(attributes, namespace, [
        { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
        { verbs: ['*'], nonResourceURLs: ['*'] },
      ]);
    }
    this.#hold(attributes, namespace, role.rules ?? []);
  }

  async #binding(attributes: AdmissionAttributes): Promise<void> {
    const { oldObject, namespace } = attributes;
    const binding = attributes.object as RoleBinding;
    const before = oldObject as RoleBinding | undefined;
    if (
      before &&
      JSON.stringify([before.roleRef, before.subjects]) ===
        JSON.stringify([binding.roleRef, binding.subjects])
    )
      return;
    const { roleRef } = binding;
    const plural = roleRef.kind === 'ClusterRole' ? 'clusterroles' : 'roles';
    if (await this.#may(attributes, 'bind', plural, roleRef.name)) return;
    this.#hold(attributes, namespace, this.#rulesOf(roleRef, plural, namespace));
  }

  #rulesOf(ref: RoleRef, plural: string, namespace: string | undefined): readonly PolicyRule[] {
    const rules = this.#rbac.roleRules(ref, namespace);
    if (!rules) throw notFound({ group: GROUP, resource: plural }, ref.name);
    return rules;
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
      `user ${JSON.stringify(user.name)} (groups=[${groups}]) is attempting to grant RBAC permissions not currently held:\n${lacks.map(printRule).sort().join('\n')}${failed}`,
    );
  }
}
