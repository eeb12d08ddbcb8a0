import { clusterrolebindings } from '#proto/api/rbac/clusterrolebindings.ts';
import { clusterroles } from '#proto/api/rbac/clusterroles.ts';
import { rolebindings } from '#proto/api/rbac/rolebindings.ts';
import { roles } from '#proto/api/rbac/roles.ts';
import type { Resource } from '#proto/api/resource.ts';
import { type KubeObject, keyOf } from '#proto/meta/object.ts';
import type { ClusterRole, RoleBinding, Subject } from '#proto/schema/generated/rbac-v1.ts';
import { defaultClusterRoleBindings } from '#server/apiserver/authz/policy/bindings.ts';
import { AUTOUPDATE, defaultClusterRoles } from '#server/apiserver/authz/policy/cluster-roles.ts';
import { defaultRoleBindings, defaultRoles } from '#server/apiserver/authz/policy/namespaced-roles.ts';
import { uncovered } from '#server/apiserver/authz/rules.ts';
import type { ApiClient } from '#server/client/client.ts';

/**
 * Brings the default roles and bindings up to this version, at the start: what is missing is added, what somebody added is
 * left alone, and `autoupdate: "false"` keeps hands off. `client` must be of `system:masters`. Rule: upstream's
 * bootstrap reconciliation.
 */
export async function ensureDefaultRoles(client: ApiClient): Promise<void> {
  const known = byName((await client.list(clusterroles)).items);
  for (const wanted of defaultClusterRoles()) {
    const old = known.get(keyOf(wanted));
    const next = old ? plannedRole(old, wanted) : undefined;
    if (!old) await client.create(clusterroles, wanted);
    else if (next) await client.update(clusterroles, next);
  }
  const bindings = byName((await client.list(clusterrolebindings)).items);
  for (const wanted of defaultClusterRoleBindings()) {
    const old = bindings.get(keyOf(wanted));
    if (!old) await client.create(clusterrolebindings, wanted);
    else await reconcileBinding(client, clusterrolebindings, old, wanted);
  }
  await ensureNamespaced(client);
}

async function ensureNamespaced(client: ApiClient): Promise<void> {
  const known = byName((await client.list(roles)).items);
  for (const wanted of defaultRoles()) {
    const old = known.get(keyOf(wanted));
    const next = old ? plannedRole(old, wanted) : undefined;
    if (!old) await client.create(roles, wanted);
    else if (next) await client.update(roles, next);
  }
  const bindings = byName((await client.list(rolebindings)).items);
  for (const wanted of defaultRoleBindings()) {
    const old = bindings.get(keyOf(wanted));
    if (!old) await client.create(rolebindings, wanted);
    else await reconcileBinding(client, rolebindings, old, wanted);
  }
}

const byName = <T extends KubeObject>(items: readonly T[]) =>
  new Map(items.map((item) => [keyOf(item), item]));

const isProtected = (object: KubeObject): boolean => object.metadata.annotations?.[AUTOUPDATE] === 'false';

/** The role with what it lacks; undefined where nothing does. */
function plannedRole<T extends ClusterRole>(old: T, wanted: T): T | undefined {
  if (isProtected(old)) return undefined;
  // An aggregated role's rules are its controller's.
  const lacks = wanted.aggregationRule ? [] : uncovered(old.rules ?? [], wanted.rules);
  const labels = { ...wanted.metadata.labels, ...old.metadata.labels };
  const relabelled = Object.keys(labels).length > Object.keys(old.metadata.labels ?? {}).length;
  const aggregation = wanted.aggregationRule !== undefined && old.aggregationRule === undefined;
  if (lacks.length === 0 && !relabelled && !aggregation) return undefined;
  return {
    ...old,
    metadata: {
      ...old.metadata,
      labels,
      annotations: { ...wanted.metadata.annotations, ...old.metadata.annotations },
    },
    rules: [...(old.rules ?? []), ...lacks],
    ...(aggregation ? { aggregationRule: wanted.aggregationRule } : {}),
  };
}

async function reconcileBinding<T extends RoleBinding>(
  client: ApiClient,
  resource: Resource<T>,
  old: T,
  wanted: T,
): Promise<void> {
  if (isProtected(old)) return;
  const { name = '', namespace } = wanted.metadata;
  if (old.roleRef.name !== wanted.roleRef.name || old.roleRef.kind !== wanted.roleRef.kind) {
    // A binding's role can't be changed: it is made anew.
    await client.delete(resource, { name, namespace });
    await client.create(resource, wanted);
    return;
  }
  const lacks = (wanted.subjects ?? []).filter((s) => !(old.subjects ?? []).some((o) => sameSubject(o, s)));
  if (lacks.length > 0)
    await client.update(resource, { ...old, subjects: [...(old.subjects ?? []), ...lacks] });
}

const sameSubject = (a: Subject, b: Subject): boolean =>
  a.kind === b.kind && a.name === b.name && (a.namespace ?? '') === (b.namespace ?? '');
