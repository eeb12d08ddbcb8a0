import { expect, it } from 'vitest';
import { nodes } from '#proto/api/core/nodes.ts';
import { pods } from '#proto/api/core/pods.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import { aPod, aWrite, run } from '#server/apiserver/admission/fixtures.ts';
import { createPodTopologyLabels } from '#server/apiserver/admission/pod-topology-labels.ts';
import { aCluster } from '#server/apiserver/authn/fixtures.ts';

const ZONE = 'topology.kubernetes.io/zone';
const aBinding = (name: string, kind = 'Node'): KubeObject =>
  ({ metadata: { name: 'web', namespace: 'default' }, target: { kind, name } }) as KubeObject;

it.each<[string, KubeObject, string | undefined, object | undefined]>([
  ['a binding', aBinding('pi'), 'binding', { [ZONE]: 'attic' }],
  ['no binding to an unknown node', aBinding('other'), 'binding', undefined],
  ['no binding to something else', aBinding('pi', 'Shelf'), 'binding', undefined],
  [
    'a Pod that has its node',
    aPod('web', { nodeName: 'pi' }, { labels: { a: 'b', [ZONE]: 'cellar' } }),
    undefined,
    { a: 'b', [ZONE]: 'attic' },
  ],
  ['no Pod without one', aPod('web'), undefined, undefined],
])('labels %s', async (_, object, subresource, expected) => {
  const { reader, put } = aCluster();
  await put(nodes, {
    metadata: { name: 'pi', labels: { [ZONE]: 'attic', 'kubernetes.io/arch': 'arm64' } },
    spec: {},
  });
  await run(createPodTopologyLabels(reader), aWrite(pods, object, { subresource }));
  expect(object.metadata.labels).toEqual(expected);
});
