import { expect, it } from 'vitest';
import { leases } from '#proto/api/coordination/leases.ts';
import { nodes } from '#proto/api/core/nodes.ts';
import { persistentvolumeclaims } from '#proto/api/core/persistentvolumeclaims.ts';
import { pods } from '#proto/api/core/pods.ts';
import { serviceaccounts } from '#proto/api/core/serviceaccounts.ts';
import { resourceslices } from '#proto/api/resource/resourceslices.ts';
import type { Resource } from '#proto/api/resource.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import type { TokenRequest } from '#proto/schema/generated/authentication-v1.ts';
import type { Node, Pod } from '#proto/schema/generated/core-v1.ts';
import type { AdmissionAttributes } from '#server/apiserver/admission/admission.ts';
import { aPod, aWrite, run } from '#server/apiserver/admission/fixtures.ts';
import { NodeRestriction } from '#server/apiserver/admission/node-restriction.ts';
import { aCluster } from '#server/apiserver/authn/fixtures.ts';

const user = { name: 'system:node:pi', groups: ['system:nodes'] };

type Case = [string, AdmissionAttributes, string | undefined];

const aNode = (name: string, labels: Record<string, string> = {}, spec: Node['spec'] = {}): Node => ({
  metadata: { name, labels },
  spec,
});
const change = (
  resource: Resource,
  old: KubeObject,
  next: KubeObject & { status?: object | undefined },
  over = {},
) => aWrite(resource, next, { user, operation: 'UPDATE', oldObject: old, ...over });
const status = (old: KubeObject, next = old) => change(pods, old, next, { subresource: 'status' });
const remove = (pod: KubeObject) =>
  aWrite(pods, undefined, { user, operation: 'DELETE', oldObject: pod, namespace: 'default' });
const lease = (name: string, namespace: string) =>
  aWrite(leases, { metadata: { name, namespace } }, { user, namespace });
const token = (over: object | undefined, ...audiences: string[]) =>
  aWrite(serviceaccounts, { metadata: {}, spec: { audiences, boundObjectRef: over } } as TokenRequest, {
    user,
    subresource: 'token',
    name: 'robot',
  });
const bound = (name: string, uid = `uid-${name}`) => ({ kind: 'Pod', apiVersion: 'v1', name, uid });
const elsewhere = aPod('other', { nodeName: 'zero' }, { uid: 'uid-other' });
const nobody = { authorize: () => ({ allowed: false }) };
const withToken = (pod: Pod): Pod => ({
  ...pod,
  spec: {
    ...pod.spec,
    volumes: [
      { name: 'v', projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } },
      { name: 'w', projected: { sources: [{ serviceAccountToken: { path: 'token', audience: 'vault' } }] } },
    ],
  },
});
const onPi = withToken(aPod('mine', { nodeName: 'pi' }, { uid: 'uid-mine' }));
const aClaim: KubeObject & { status?: object | undefined } = {
  metadata: { name: 'data', namespace: 'default' },
};
const aSlice = (nodeName: string): KubeObject =>
  ({ metadata: { name: 'slice' }, spec: { nodeName } }) as KubeObject;
const TAINTED = { taints: [{ key: 'a', effect: 'NoSchedule' }] };

it.each<Case>([
  ['itself', aWrite(nodes, aNode('pi', { 'kubernetes.io/os': 'linux', own: 'x' }), { user }), undefined],
  ['another node', aWrite(nodes, aNode('zero'), { user }), 'node "pi" is not allowed to modify node "zero"'],
  [
    'a label of an operator, at its registration',
    aWrite(nodes, aNode('pi', { 'node-restriction.kubernetes.io/safe': 'x' }), { user }),
    'node "pi" is not allowed to set the following labels: node-restriction.kubernetes.io/safe',
  ],
  [
    'a label of an operator',
    change(nodes, aNode('pi'), aNode('pi', { 'a.node-restriction.kubernetes.io/safe': 'x' })),
    'is not allowed to modify labels: a.node-restriction.kubernetes.io/safe',
  ],
  [
    'a role',
    change(nodes, aNode('pi'), aNode('pi', { 'node-role.kubernetes.io/control-plane': '' })),
    'is not allowed to modify labels: node-role.kubernetes.io/control-plane',
  ],
  [
    'a label that an operator has set, unchanged',
    change(
      nodes,
      aNode('pi', { 'node-restriction.kubernetes.io/a': '1' }),
      aNode('pi', { 'node-restriction.kubernetes.io/a': '1', own: 'x' }),
    ),
    undefined,
  ],
  ['taints at its registration', aWrite(nodes, aNode('pi', {}, TAINTED), { user }), undefined],
  [
    'its taints',
    change(nodes, aNode('pi', {}, TAINTED), aNode('pi')),
    'node "pi" is not allowed to modify taints',
  ],
  ['the status of its Pod', status(onPi), undefined],
  [
    'the status of a Pod elsewhere',
    status(elsewhere),
    'node "pi" can only update pod status for pods with spec.nodeName set to itself',
  ],
  [
    'labels by the status',
    status(onPi, { ...onPi, metadata: { ...onPi.metadata, labels: { a: 'b' } } }),
    'node "pi" cannot update labels through pod status',
  ],
  ['the deletion of its Pod', remove(onPi), undefined],
  [
    'the deletion of a Pod elsewhere',
    remove(elsewhere),
    'node "pi" can only delete pods with spec.nodeName set to itself',
  ],
  ['the spec of its Pod', change(pods, onPi, onPi), 'unexpected operation "UPDATE"'],
  ['a Pod', aWrite(pods, onPi, { user }), 'node "pi" can only create mirror pods'],
  ['its lease', lease('pi', 'kube-node-lease'), undefined],
  ['another lease', lease('zero', 'kube-node-lease'), 'can only access node lease with the same name'],
  ['a lease elsewhere', lease('pi', 'default'), 'can only access leases in the "kube-node-lease"'],
  ['a token for its Pod', token(bound('mine')), undefined],
  ['a token for an audience of its Pod', token(bound('mine'), 'vault'), undefined],
  [
    'a token for another audience',
    token(bound('mine'), 'bank'),
    'audience "bank" not found in pod spec volume, system:node:pi is not authorized to request tokens',
  ],
  ['a token for two audiences', token(bound('mine'), 'vault', 'bank'), 'may only request 0 or 1 audiences'],
  ['a claim', change(persistentvolumeclaims, aClaim, aClaim), 'may only update PVC status'],
  [
    'the size of a claim',
    change(
      persistentvolumeclaims,
      aClaim,
      { ...aClaim, status: { capacity: { storage: '2Gi' } } },
      { subresource: 'status' },
    ),
    undefined,
  ],
  [
    'a finalizer of a claim',
    change(
      persistentvolumeclaims,
      aClaim,
      { ...aClaim, metadata: { ...aClaim.metadata, finalizers: ['a/b'] } },
      { subresource: 'status' },
    ),
    'node "pi" is not allowed to update fields other than status.quantity and status.conditions',
  ],
  ['a slice of its devices', aWrite(resourceslices, aSlice('pi'), { user }), undefined],
  [
    'a slice of other devices',
    aWrite(resourceslices, aSlice('zero'), { user }),
    'can only create ResourceSlice with the same NodeName as the requesting node',
  ],
  ['a token for nothing', token(undefined), 'node requested token not bound to a pod'],
  ['a token for a Pod elsewhere', token(bound('other')), 'bound to a pod scheduled on a different node'],
  ['a token for a Pod that was', token(bound('mine', 'old')), 'does not match the UID in record'],
])('a node writes %s', async (_, attributes, why) => {
  const { reader, put } = aCluster();
  for (const pod of [onPi, elsewhere]) await put(pods, pod);
  const done = run(new NodeRestriction(reader, nobody), attributes);
  if (why === undefined) await expect(done).resolves.toBeUndefined();
  else await expect(done).rejects.toMatchObject({ code: 403, message: expect.stringContaining(why) });
});

it('leaves everybody else alone', async () => {
  const { reader } = aCluster();
  const attributes = { ...status(elsewhere), user: { name: 'system:node:pi', groups: [] } };
  await expect(run(new NodeRestriction(reader, nobody), attributes)).resolves.toBeUndefined();
});
