import { expect, it } from 'vitest';
import { clusterrolebindings } from '#proto/api/rbac/clusterrolebindings.ts';
import { clusterroles } from '#proto/api/rbac/clusterroles.ts';
import { rolebindings } from '#proto/api/rbac/rolebindings.ts';
import { roles } from '#proto/api/rbac/roles.ts';
import { aWrite, run } from '#server/apiserver/admission/fixtures.ts';
import { RoleEscalation } from '#server/apiserver/admission/role-escalation.ts';
import { aCluster } from '#server/apiserver/authn/fixtures.ts';
import { rule } from '#server/apiserver/authz/policy/rule.ts';
import { RbacAuthorizer } from '#server/apiserver/authz/rbac.ts';
import { UnionAuthorizer } from '#server/apiserver/authz/union.ts';

const GROUP = 'rbac.authorization.k8s.io';
const user = { name: 'jane', groups: ['devs'] };
const ref = (name: string) => ({ apiGroup: GROUP, kind: 'ClusterRole', name });
const subjects = [{ kind: 'User', apiGroup: GROUP, name: 'jane' }];
const aRole = (...rules: ReturnType<typeof rule>[]) => ({
  metadata: { name: 'r', namespace: 'default' },
  rules,
});
const aBinding = (role: string) => ({
  metadata: { name: 'b', namespace: 'default' },
  roleRef: ref(role),
  subjects,
});

async function aPlugin(...own: ReturnType<typeof rule>[]) {
  const { reader, put } = aCluster();
  await put(clusterroles, { metadata: { name: 'own' }, rules: own });
  await put(clusterroles, { metadata: { name: 'admin' }, rules: [rule('*', '*', '*')] });
  await put(clusterrolebindings, { metadata: { name: 'own' }, roleRef: ref('own'), subjects });
  const rbac = new RbacAuthorizer(reader);
  return new RoleEscalation(new UnionAuthorizer([rbac]), rbac);
}
const reads = rule('get list', '', 'pods');

it('lets people give what they hold', async () => {
  const plugin = await aPlugin(reads);
  await run(plugin, aWrite(roles, aRole(rule('get', '', 'pods')), { user }));
  await run(plugin, aWrite(rolebindings, aBinding('own'), { user }));
});

it('names what they do not hold', async () => {
  const write = aWrite(roles, aRole(rule('get delete', '', 'pods')), { user });
  await expect(run(await aPlugin(reads), write)).rejects.toMatchObject({
    code: 403,
    message:
      'roles.rbac.authorization.k8s.io "r" is forbidden: user "jane" (groups=["devs"]) is attempting to grant RBAC permissions not currently held:\n{APIGroups:[""], Resources:["pods"], Verbs:["delete"]}',
  });
});

it.each([
  ['admin', 403],
  ['gone', 404],
])('does not let them bind %s', async (role, code) => {
  await expect(
    run(await aPlugin(reads), aWrite(rolebindings, aBinding(role), { user })),
  ).rejects.toMatchObject({
    code,
  });
});

it('lets pass who may escalate or bind, masters, and what does not change', async () => {
  const wide = aRole(rule('*', '*', '*'));
  const masters = { name: 'root', groups: ['system:masters'] };
  await run(await aPlugin(rule('escalate', GROUP, 'roles')), aWrite(roles, wide, { user }));
  await run(
    await aPlugin(rule('bind', GROUP, 'clusterroles')),
    aWrite(rolebindings, aBinding('admin'), { user }),
  );
  await run(await aPlugin(), aWrite(roles, wide, { user: masters }));
  await run(await aPlugin(), aWrite(roles, wide, { user, operation: 'UPDATE', oldObject: wide }));
});
