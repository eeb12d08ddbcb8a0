import { expect, it } from 'vitest';
import { nodes } from '#proto/api/core/nodes.ts';
import { pods } from '#proto/api/core/pods.ts';
import { aPod, aWrite, run } from '#server/apiserver/admission/fixtures.ts';
import { createPodResize } from '#server/apiserver/admission/pod-resize.ts';
import { aCluster } from '#server/apiserver/authn/fixtures.ts';

const asking = (requests: Record<string, string>, nodeName?: string) =>
  aPod('web', { nodeName, containers: [{ name: 'main', image: 'i', resources: { requests } }] });

it.each<[string, ReturnType<typeof asking>, string | undefined]>([
  ['what the node has', asking({ cpu: '4', memory: '1Gi' }, 'pi'), undefined],
  [
    'more than it has',
    asking({ cpu: '4001m', memory: '2Gi' }, 'pi'),
    'pods "web" is forbidden: node didn\'t have enough allocatable resources: cpu, requested: 4001, allocatable: 4000; memory, requested: 2147483648, allocatable: 1073741824',
  ],
  ['more than any has, before there is a node', asking({ cpu: '99' }), undefined],
  ['of a node that is gone', asking({ cpu: '1' }, 'gone'), 'pods "web" is forbidden: node "gone" not found'],
  [
    'of another system',
    asking({ cpu: '1' }, 'other'),
    'pods "web" is forbidden: pod resize is only supported on linux nodes, node "other" is "plan9"',
  ],
])('a Pod asks for %s', async (_, object, refusal) => {
  const { reader, put } = aCluster();
  const status = { allocatable: { cpu: '4', memory: '1Gi' } };
  await put(nodes, { metadata: { name: 'pi' }, spec: {}, status });
  await put(nodes, {
    metadata: { name: 'other', labels: { 'kubernetes.io/os': 'plan9' } },
    spec: {},
    status,
  });
  const oldObject = asking({ cpu: '100m' }, object.spec.nodeName);
  const asked = run(
    createPodResize(reader),
    aWrite(pods, object, { operation: 'UPDATE', subresource: 'resize', oldObject }),
  );
  if (refusal) await expect(asked).rejects.toThrow(refusal);
  else await asked;
});
