import { expect, it } from 'vitest';
import { leases } from '#proto/api/coordination/leases.ts';
import { nodes } from '#proto/api/core/nodes.ts';
import { pods } from '#proto/api/core/pods.ts';
import { serviceaccounts } from '#proto/api/core/serviceaccounts.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import type { TokenRequest } from '#proto/schema/generated/authentication-v1.ts';
import type { Node } from '#proto/schema/generated/core-v1.ts';
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
const change = (resource: typeof nodes | typeof pods, old: KubeObject, next: KubeObject, over = {}) =>
  aWrite(resource, next, { user, operation: 'UPDATE', oldObject: old, ...over });
const status = (old: KubeObject, next = old) => change(pods, old, next, { subresource: 'status' });
const remove = (pod: KubeObject) =>
  aWrite(pods, undefined, { user, operation: 'DELETE', oldObject: pod, namespace: 'default' });
const lease = (name: string, namespace: string) =>
  aWrite(leases, { metadata: { name, namespace } }, { user, namespace });
const token = (over: object | undefined) =>
  aWrite(serviceaccounts, { metadata: {}, spec: { audiences: [], boundObjectRef: over } } as TokenRequest, {
    user,
    subresource: 'token',
    name: 'robot',
  });
const bound = (name: string, uid = `uid-${name}`) => ({ kind: 'Pod', apiVersion: 'v1', name, uid });
const onPi = aPod('mine', { nodeName: 'pi' }, { uid: 'uid-mine' });
const elsewhere = aPod('other', { nodeName: 'zero' }, { uid: 'uid-other' });
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
    'node "pi" can only update status for pods with spec.nodeName set to itself',
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
  ['another lease', lease('zero', 'kube-node-lease'), 'can only access lease with the same name'],
  ['a lease elsewhere', lease('pi', 'default'), 'can only access leases in the "kube-node-lease"'],
  ['a token for its Pod', token(bound('mine')), undefined],
  ['a token for nothing', token(undefined), 'node requested token not bound to a pod'],
  ['a token for a Pod elsewhere', token(bound('other')), 'bound to a pod scheduled on a different node'],
  ['a token for a Pod that was', token(bound('mine', 'old')), 'does not match the UID in record'],
])('a node writes %s', async (_, attributes, why) => {
  const { reader, put } = aCluster();
  for (const pod of [onPi, elsewhere]) await put(pods, pod);
  const done = run(new NodeRestriction(reader), attributes);
  if (why === undefined) await expect(done).resolves.toBeUndefined();
  else await expect(done).rejects.toMatchObject({ code: 403, message: expect.stringContaining(why) });
});

it('leaves everybody else alone', async () => {
  const { reader } = aCluster();
  const attributes = { ...status(elsewhere), user: { name: 'system:node:pi', groups: [] } };
  await expect(run(new NodeRestriction(reader), attributes)).resolves.toBeUndefined();
});
