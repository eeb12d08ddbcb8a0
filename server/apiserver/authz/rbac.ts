import { clusterrolebindings } from '#proto/api/rbac/clusterrolebindings.ts';
import { clusterroles } from '#proto/api/rbac/clusterroles.ts';
import { rolebindings } from '#proto/api/rbac/rolebindings.ts';
import { roles } from '#proto/api/rbac/roles.ts';
import type {
  ClusterRoleBinding,
  PolicyRule,
  RoleBinding,
  RoleRef,
  Subject,
} from '#proto/schema/generated/rbac-v1.ts';
import type { UserInfo } from '#server/apiserver/authn/authenticator.ts';
import type { ObjectReader } from '#server/apiserver/authn/object-reader.ts';
import type { AuthorizationRequest, Authorizer, Decision } from '#server/apiserver/authz/authorizer.ts';
import { BindingIndex, type Bound } from '#server/apiserver/authz/binding-index.ts';
import { ruleAllows } from '#server/apiserver/authz/rules.ts';

/**
 * RBAC over the bindings in force. Bindings are found by their subjects, so that a request costs as many look-ups as its
 * user has groups, however many bindings there are; a change holds from the answer to its write on.
 */
export class RbacAuthorizer implements Authorizer {
  readonly #reader: ObjectReader;
  readonly #index = new BindingIndex();
  readonly #stops: (() => void)[];

  constructor(reader: ObjectReader) {
    this.#reader = reader;
    const keep = (binding: RoleBinding | ClusterRoleBinding, change: 'put' | 'delete'): void => {
      if (change === 'delete') this.#index.remove(binding.metadata.namespace, binding.metadata.name ?? '');
      else this.#index.set(binding);
    };
    this.#stops = [reader.follow(clusterrolebindings, keep), reader.follow(rolebindings, keep)];
  }

  close(): void {
    for (const stop of this.#stops) stop();
  }

  authorize(request: AuthorizationRequest): Decision {
    const missing = new Set<string>();
    const namespace = request.kind === 'resource' ? request.namespace : undefined;
    for (const bound of this.#index.of(request.user, namespace)) {
      const rules = this.#rulesOf(bound.roleRef, bound.namespace, missing);
      if (rules.some((rule) => ruleAllows(rule, request))) return { allowed: true, reason: because(bound) };
    }
    if (missing.size === 0) return { allowed: false };
    const errors = [...missing];
    return { allowed: false, reason: `RBAC: ${errors.length === 1 ? errors[0] : `[${errors.join(', ')}]`}` };
  }

  /** All rules that hold for the user in the namespace; cluster-wide ones alone where there is none. */
  rulesFor(user: UserInfo, namespace: string | undefined): { rules: PolicyRule[]; errors: string[] } {
    const missing = new Set<string>();
    const rules = this.#index
      .of(user, namespace)
      .flatMap((bound) => this.#rulesOf(bound.roleRef, bound.namespace, missing));
    return { rules, errors: [...missing] };
  }

  /** The rules of a role that a binding names; undefined where there is no such role. */
  roleRules(ref: RoleRef, namespace: string | undefined): readonly PolicyRule[] | undefined {
    const role =
      ref.kind === 'ClusterRole'
        ? this.#reader.get(clusterroles, undefined, ref.name)
        : namespace && this.#reader.get(roles, namespace, ref.name);
    return role ? (role.rules ?? []) : undefined;
  }

  #rulesOf(ref: RoleRef, namespace: string | undefined, missing: Set<string>): readonly PolicyRule[] {
    const rules = this.roleRules(ref, namespace);
    if (!rules) missing.add(`${ref.kind.toLowerCase()}.${GROUP} ${JSON.stringify(ref.name)} not found`);
    return rules ?? [];
  }
}

const GROUP = 'rbac.authorization.k8s.io';

function because({ namespace, name, roleRef, subject }: Bound): string {
  const binding = namespace ? `RoleBinding "${namespace}/${name}"` : `ClusterRoleBinding "${name}"`;
  return `RBAC: allowed by ${binding} of ${roleRef.kind} "${roleRef.name}" to ${subjectWords(subject)}`;
}

const subjectWords = ({ kind, name, namespace }: Subject): string =>
  `${kind} "${namespace ? `${name}/${namespace}` : name}"`;
