import { beforeEach, describe, expect, it } from 'vitest';
import { pods } from '#proto/api/core/pods.ts';
import { clusterrolebindings } from '#proto/api/rbac/clusterrolebindings.ts';
import { clusterroles } from '#proto/api/rbac/clusterroles.ts';
import { rolebindings } from '#proto/api/rbac/rolebindings.ts';
import { roles } from '#proto/api/rbac/roles.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import type { Subject } from '#proto/schema/generated/rbac-v1.ts';
import type { UserInfo } from '#server/apiserver/authn/authenticator.ts';
import { aCluster } from '#server/apiserver/authn/fixtures.ts';
import { MemoryClient } from '#server/client/memory-client.ts';
import type { AuthorizationRequest } from './authorizer.ts';
import { NodeAuthorizer } from './node-authorizer.ts';
import { ensureDefaultRoles } from './policy/ensure-default-roles.ts';
import { rule } from './policy/rule.ts';
import { RbacAuthorizer } from './rbac.ts';
import { reviewSelfAccess, reviewSelfRules } from './reviews.ts';
import { printRule, ruleAllows, uncovered } from './rules.ts';
import { UnionAuthorizer } from './union.ts';

const GROUP = 'rbac.authorization.k8s.io';
const jane: UserInfo = { name: 'jane', groups: ['devs', 'system:authenticated'] };
const bot: UserInfo = { name: 'system:serviceaccount:shop:bot', groups: ['system:serviceaccounts'] };
type ResourceRequest = Extract<AuthorizationRequest, { kind: 'resource' }>;
const ask = (user: UserInfo, verb: string, resource: string, more: Partial<ResourceRequest> = {}) => {
  const [name = '', subresource] = resource.split('/');
  return {
    kind: 'resource',
    user,
    verb,
    group: '',
    version: 'v1',
    resource: name,
    subresource,
    ...more,
  } as const;
};
const ref = (kind: string, name: string) => ({ apiGroup: GROUP, kind, name });
const toUser = (name: string): Subject => ({ kind: 'User', apiGroup: GROUP, name });

describe('a rule', () => {
  it.each<[string, ReturnType<typeof rule>, Partial<ResourceRequest>, boolean]>([
    ['allows its verb', rule('get', '', 'pods'), {}, true],
    ['not another', rule('list', '', 'pods'), {}, false],
    ['of all groups', rule('*', '*', '*'), { group: 'apps' }, true],
    ['not of another group', rule('get', 'apps', 'pods'), {}, false],
    ['of a resource leaves its subresources out', rule('get', '', 'pods'), { subresource: 'log' }, false],
    ['names a subresource', rule('get', '', 'pods/log'), { subresource: 'log' }, true],
    ['of a subresource of everything', rule('get', '', '*/log'), { subresource: 'log' }, true],
    ['of names', rule('get', '', 'pods', 'web'), { name: 'web' }, true],
    ['not of other names', rule('get', '', 'pods', 'web'), { name: 'db' }, false],
    ['of names never lists', rule('get', '', 'pods', 'web'), {}, false],
  ])('%s', (_, one, more, allowed) => expect(ruleAllows(one, ask(jane, 'get', 'pods', more))).toBe(allowed));

  it.each([
    ['/api', '/api/v1', false],
    ['/api*', '/api/v1', true],
    ['*', '/metrics', true],
    ['/metrics', '/metrics', true],
  ])('%s on path %s: %s', (url, path, allowed) =>
    expect(
      ruleAllows({ verbs: ['get'], nonResourceURLs: [url] }, { kind: 'path', user: jane, verb: 'get', path }),
    ).toBe(allowed),
  );

  it('is covered by others together', () => {
    const held = [rule('get list', '', 'pods'), rule('get', '', 'secrets', 'a')];
    expect(uncovered(held, [rule('get', '', 'pods')])).toEqual([]);
    expect(uncovered(held, [rule('get', '', 'secrets', 'a')])).toEqual([]);
    expect(uncovered(held, [rule('get', '', 'secrets')])).toHaveLength(1);
    expect(uncovered(held, [rule('get list watch', '', 'pods')]).map(printRule)).toEqual([
      '{APIGroups:[""], Resources:["pods"], Verbs:["watch"]}',
    ]);
    expect(uncovered(held, [rule('*', '*', '*')])).toHaveLength(1);
  });
});

describe('RBAC', () => {
  let cluster: ReturnType<typeof aCluster>;
  let rbac: RbacAuthorizer;
  beforeEach(async () => {
    cluster = aCluster();
    rbac = new RbacAuthorizer(cluster.reader);
    await cluster.put(clusterroles, { metadata: { name: 'reader' }, rules: [rule('get list', '', 'pods')] });
    await cluster.put(roles, {
      metadata: { name: 'writer', namespace: 'shop' },
      rules: [rule('create', '', 'pods')],
    });
  });
  const allows = (request: AuthorizationRequest): boolean => rbac.authorize(request).allowed;

  it('gives cluster-wide what is bound cluster-wide', async () => {
    await cluster.put(clusterrolebindings, {
      metadata: { name: 'b' },
      roleRef: ref('ClusterRole', 'reader'),
      subjects: [{ kind: 'Group', apiGroup: GROUP, name: 'devs' }],
    });
    expect(allows(ask(jane, 'list', 'pods'))).toBe(true);
    expect(allows(ask(jane, 'list', 'pods', { namespace: 'any' }))).toBe(true);
    expect(allows(ask(bot, 'list', 'pods'))).toBe(false);
    expect(rbac.authorize(ask(jane, 'list', 'pods')).reason).toBe(
      'RBAC: allowed by ClusterRoleBinding "b" of ClusterRole "reader" to Group "devs"',
    );
  });

  it('keeps what is bound in a namespace there, and ends it with the binding', async () => {
    const binding = {
      metadata: { name: 'b', namespace: 'shop' },
      roleRef: ref('Role', 'writer'),
      subjects: [toUser('jane'), { kind: 'ServiceAccount', name: 'bot' }],
    };
    await cluster.put(rolebindings, binding);
    for (const user of [jane, bot]) {
      expect(allows(ask(user, 'create', 'pods', { namespace: 'shop' }))).toBe(true);
      expect(allows(ask(user, 'create', 'pods', { namespace: 'other' }))).toBe(false);
      expect(allows(ask(user, 'create', 'pods'))).toBe(false);
    }
    await cluster.put(rolebindings, { ...binding, subjects: [toUser('joe')] });
    expect(allows(ask(jane, 'create', 'pods', { namespace: 'shop' }))).toBe(false);
    await cluster.put(rolebindings, binding);
    await cluster.remove(rolebindings, binding);
    expect(allows(ask(jane, 'create', 'pods', { namespace: 'shop' }))).toBe(false);
  });

  it('says which role a binding misses', async () => {
    await cluster.put(clusterrolebindings, {
      metadata: { name: 'b' },
      roleRef: ref('ClusterRole', 'gone'),
      subjects: [toUser('jane')],
    });
    expect(rbac.authorize(ask(jane, 'get', 'pods'))).toEqual({
      allowed: false,
      reason: 'RBAC: clusterrole.rbac.authorization.k8s.io "gone" not found',
    });
  });

  it('answers reviews', async () => {
    await cluster.put(rolebindings, {
      metadata: { name: 'b', namespace: 'shop' },
      roleRef: ref('ClusterRole', 'reader'),
      subjects: [toUser('jane')],
    });
    const union = new UnionAuthorizer([rbac]);
    const canI = async (namespace: string) => {
      const spec = { resourceAttributes: { verb: 'get', resource: 'pods', namespace } };
      return (await reviewSelfAccess(union, { metadata: {}, spec }, jane)).status?.allowed;
    };
    expect([await canI('shop'), await canI('other')]).toEqual([true, false]);
    await expect(reviewSelfAccess(union, { metadata: {}, spec: {} }, jane)).rejects.toMatchObject({
      code: 422,
    });
    expect(reviewSelfRules(rbac, { metadata: {}, spec: { namespace: 'shop' } }, jane).status).toEqual({
      resourceRules: [rule('get list', '', 'pods')],
      nonResourceRules: [],
      incomplete: false,
    });
    const admin = { name: 'root', groups: ['system:masters'] };
    expect(await union.authorize(ask(admin, 'delete', 'nodes'))).toEqual({ allowed: true });
  });
});

describe('a node', () => {
  const pi: UserInfo = { name: 'system:node:pi', groups: ['system:nodes', 'system:authenticated'] };
  const pod: Pod = {
    metadata: { name: 'web', namespace: 'shop' },
    spec: {
      nodeName: 'pi',
      serviceAccountName: 'bot',
      imagePullSecrets: [{ name: 'pull' }],
      containers: [{ name: 'c', envFrom: [{ configMapRef: { name: 'env' } }] }],
      volumes: [
        { name: 'v', secret: { secretName: 'vol' } },
        { name: 'p', projected: { sources: [{ configMap: { name: 'root' } }] } },
        { name: 'd', persistentVolumeClaim: { claimName: 'data' } },
      ],
    },
  };
  let cluster: ReturnType<typeof aCluster>;
  let authorizer: NodeAuthorizer;
  beforeEach(async () => {
    cluster = aCluster();
    authorizer = new NodeAuthorizer(cluster.reader);
    await cluster.put(pods, pod);
  });
  const shop = { namespace: 'shop' };

  it.each<[string, string, Partial<ResourceRequest>, boolean]>([
    ['get', 'secrets', { ...shop, name: 'pull' }, true],
    ['get', 'secrets', { ...shop, name: 'vol' }, true],
    ['get', 'secrets', { ...shop, name: 'other' }, false],
    ['get', 'secrets', { namespace: 'default', name: 'vol' }, false],
    ['list', 'secrets', shop, false],
    ['update', 'secrets', { ...shop, name: 'vol' }, false],
    ['get', 'configmaps', { ...shop, name: 'env' }, true],
    ['watch', 'configmaps', { ...shop, name: 'root' }, true],
    ['get', 'configmaps', { ...shop, name: 'other' }, false],
    ['get', 'persistentvolumeclaims', { ...shop, name: 'data' }, true],
    ['create', 'serviceaccounts/token', { ...shop, name: 'bot' }, true],
    ['create', 'serviceaccounts/token', { ...shop, name: 'admin' }, false],
    ['get', 'nodes', { name: 'pi' }, true],
    ['get', 'nodes', { name: 'other' }, false],
    ['list', 'nodes', {}, false],
    ['list', 'nodes', { fieldSelector: 'metadata.name=pi' }, true],
    ['patch', 'nodes/status', { name: 'pi' }, true],
    ['delete', 'nodes', { name: 'pi' }, false],
    ['get', 'pods', { ...shop, name: 'web' }, true],
    ['get', 'pods', { ...shop, name: 'other' }, false],
    ['watch', 'pods', { fieldSelector: 'spec.nodeName=pi' }, true],
    ['list', 'pods', { fieldSelector: 'spec.nodeName=other' }, false],
    ['patch', 'pods/status', { ...shop, name: 'web' }, true],
    ['create', 'pods/exec', { ...shop, name: 'web' }, false],
    ['update', 'leases', { group: 'coordination.k8s.io', namespace: 'kube-node-lease', name: 'pi' }, true],
    ['update', 'leases', { group: 'coordination.k8s.io', namespace: 'kube-node-lease', name: 'x' }, false],
    ['update', 'leases', { group: 'coordination.k8s.io', namespace: 'default', name: 'pi' }, false],
    ['list', 'services', {}, true],
    ['create', 'deployments', { group: 'apps' }, false],
  ])('may %s %s %j: %s', (verb, resource, more, allowed) =>
    expect(authorizer.authorize(ask(pi, verb, resource, more)).allowed).toBe(allowed),
  );

  it('forgets what it could read when the pod goes', async () => {
    await cluster.remove(pods, pod);
    expect(authorizer.authorize(ask(pi, 'get', 'secrets', { ...shop, name: 'vol' }))).toEqual({
      allowed: false,
      reason: "no relationship found between node 'pi' and this object",
    });
  });
});

describe('the default roles', () => {
  it('are made, completed, and left alone where asked', async () => {
    const client = new MemoryClient();
    await ensureDefaultRoles(client);
    const writes = () => client.calls.filter((c) => c.verb !== 'list').length;
    const made = writes();
    await ensureDefaultRoles(client);
    expect(writes()).toBe(made);

    const basic = structuredClone(await client.get(clusterroles, { name: 'system:basic-user' }));
    await client.update(clusterroles, { ...basic, rules: [rule('get', '', 'mine')] });
    const viewer = structuredClone(await client.get(clusterroles, { name: 'system:public-info-viewer' }));
    viewer.metadata.annotations = { 'rbac.authorization.kubernetes.io/autoupdate': 'false' };
    await client.update(clusterroles, { ...viewer, rules: [] });
    await ensureDefaultRoles(client);
    const verbs = (await client.get(clusterroles, { name: 'system:basic-user' })).rules.map(
      (r) => r.verbs[0],
    );
    expect(verbs).toEqual(['get', 'create', 'create', 'create']);
    expect((await client.get(clusterroles, { name: 'system:public-info-viewer' })).rules).toEqual([]);
  });
});
