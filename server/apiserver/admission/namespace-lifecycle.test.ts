import { expect, it } from 'vitest';
import { localsubjectaccessreviews } from '#proto/api/authorization/localsubjectaccessreviews.ts';
import { configmaps } from '#proto/api/core/configmaps.ts';
import { namespaces } from '#proto/api/core/namespaces.ts';
import { nodes } from '#proto/api/core/nodes.ts';
import type { AdmissionAttributes } from '#server/apiserver/admission/admission.ts';
import { aWrite, run } from '#server/apiserver/admission/fixtures.ts';
import { createNamespaceLifecycle } from '#server/apiserver/admission/namespace-lifecycle.ts';
import { aCluster } from '#server/apiserver/authn/fixtures.ts';

async function aPlugin() {
  const { reader, put } = aCluster();
  await put(namespaces, { metadata: { name: 'default' }, spec: {}, status: { phase: 'Active' } });
  await put(namespaces, { metadata: { name: 'old' }, spec: {}, status: { phase: 'Terminating' } });
  return createNamespaceLifecycle(reader);
}

const aMap = (namespace: string) => ({ metadata: { name: 'c', namespace } });
const anUpdate = (namespace: string) =>
  aWrite(configmaps, aMap(namespace), { operation: 'UPDATE', oldObject: aMap(namespace) });
const aDelete = (resource: typeof namespaces | typeof configmaps, name: string, namespace?: string) =>
  aWrite(resource, undefined, { operation: 'DELETE', name, namespace });

it.each<[string, AdmissionAttributes]>([
  ['an object in a namespace', aWrite(configmaps, aMap('default'))],
  ['an object of the cluster', aWrite(nodes, { metadata: { name: 'n' } })],
  ['a namespace', aWrite(namespaces, { metadata: { name: 'new' } })],
  ['a change in a terminating namespace', anUpdate('old')],
  ['a deletion in a missing namespace', aDelete(configmaps, 'c', 'gone')],
  ['the deletion of a namespace', aDelete(namespaces, 'old')],
  ['a review in a missing namespace', aWrite(localsubjectaccessreviews, { metadata: { namespace: 'gone' } })],
])('admits %s', async (_, attributes) => {
  await expect(run(await aPlugin(), attributes)).resolves.toBeUndefined();
});

it.each<[string, AdmissionAttributes, number, string]>([
  ['a missing namespace', aWrite(configmaps, aMap('gone')), 404, 'namespaces "gone" not found'],
  ['a change in a missing namespace', anUpdate('gone'), 404, 'namespaces "gone" not found'],
  [
    'a terminating namespace',
    aWrite(configmaps, aMap('old')),
    403,
    'configmaps "c" is forbidden: unable to create new content in namespace old because it is being terminated',
  ],
  ...['default', 'kube-system', 'kube-public'].map((name): [string, AdmissionAttributes, number, string] => [
    `the deletion of ${name}`,
    aDelete(namespaces, name),
    403,
    `namespaces "${name}" is forbidden: this namespace may not be deleted`,
  ]),
])('refuses %s', async (_, attributes, code, message) => {
  await expect(run(await aPlugin(), attributes)).rejects.toMatchObject({ code, message });
});

it('tells controllers the cause', async () => {
  await expect(run(await aPlugin(), aWrite(configmaps, aMap('old')))).rejects.toMatchObject({
    details: { name: 'c', kind: 'configmaps', causes: [{ reason: 'NamespaceTerminating' }] },
  });
});
