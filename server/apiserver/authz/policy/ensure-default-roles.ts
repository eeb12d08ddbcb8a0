import { clusterrolebindings } from '#proto/api/rbac/clusterrolebindings.ts';
import { clusterroles } from '#proto/api/rbac/clusterroles.ts';
import type { ClusterRole, ClusterRoleBinding, Subject } from '#proto/schema/generated/rbac-v1.ts';
import { defaultClusterRoleBindings } from '#server/apiserver/authz/policy/bindings.ts';
import { AUTOUPDATE, defaultClusterRoles } from '#server/apiserver/authz/policy/cluster-roles.ts';
import { uncovered } from '#server/apiserver/authz/rules.ts';
import type { ApiClient } from '#server/client/client.ts';

/**
 * Brings the default roles and bindings up to this version, at the start: what is missing is added, what somebody added is
 * left alone, and `autoupdate: "false"` keeps hands off. `client` must be of `system:masters`. Rule: upstream's
 * bootstrap reconciliation.
 */
export async function ensureDefaultRoles(client: ApiClient): Promise<void> {
  const roles = byName((await client.list(clusterroles)).items);
  for (const wanted of defaultClusterRoles()) {
    const old = roles.get(wanted.metadata.name);
    const next = old ? plannedRole(old, wanted) : undefined;
    if (!old) await client.create(clusterroles, wanted);
    else if (next) await client.update(clusterroles, next);
  }
  const bindings = byName((await client.list(clusterrolebindings)).items);
  for (const wanted of defaultClusterRoleBindings()) {
    const old = bindings.get(wanted.metadata.name);
    if (!old) await client.create(clusterrolebindings, wanted);
    else await reconcileBinding(client, old, wanted);
  }
}

const byName = <T extends { metadata: { name?: string | undefined } }>(items: readonly T[]) =>
  new Map(items.map((item) => [item.metadata.name, item]));

const isProtected = (object: ClusterRole | ClusterRoleBinding): boolean =>
  object.metadata.annotations?.[AUTOUPDATE] === 'false';

/** The role with what it lacks; undefined where nothing does. */
function plannedRole(old: ClusterRole, wanted: ClusterRole): ClusterRole | undefined {
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

async function reconcileBinding(
  client: ApiClient,
  old: ClusterRoleBinding,
  wanted: ClusterRoleBinding,
): Promise<void> {
  if (isProtected(old)) return;
  const { name = '' } = wanted.metadata;
  if (old.roleRef.name !== wanted.roleRef.name || old.roleRef.kind !== wanted.roleRef.kind) {
    // A binding's role can't be changed: it is made anew.
    await client.delete(clusterrolebindings, { name });
    await client.create(clusterrolebindings, wanted);
    return;
  }
  const lacks = (wanted.subjects ?? []).filter((s) => !(old.subjects ?? []).some((o) => sameSubject(o, s)));
  if (lacks.length > 0)
    await client.update(clusterrolebindings, { ...old, subjects: [...(old.subjects ?? []), ...lacks] });
}

const sameSubject = (a: Subject, b: Subject): boolean =>
  a.kind === b.kind && a.name === b.name && (a.namespace ?? '') === (b.namespace ?? '');
