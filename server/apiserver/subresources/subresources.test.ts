import { describe, expect, test } from 'vitest';
import { replicasets } from '#proto/api/apps/replicasets.ts';
import { nodes } from '#proto/api/core/nodes.ts';
import { pods } from '#proto/api/core/pods.ts';
import { poddisruptionbudgets } from '#proto/api/policy/poddisruptionbudgets.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import type { StatusError } from '#proto/meta/status-error.ts';
import type { Binding, Pod } from '#proto/schema/generated/core-v1.ts';
import type { Eviction } from '#proto/schema/generated/policy-v1.ts';
import { createObject } from '#server/apiserver/rest/create.ts';
import { objectOf } from '#server/apiserver/rest/entries.ts';
import { replaceObject } from '#server/apiserver/rest/update.ts';
import { durabilityOf, requireEntry } from '#server/apiserver/rest/write.ts';
import { bindPod } from '#server/apiserver/subresources/binding.ts';
import { evictPod } from '#server/apiserver/subresources/eviction.ts';
import { changeScale, getScale } from '#server/apiserver/subresources/scale.ts';
import { chooseContainer } from '#server/apiserver/subresources/subresources.ts';
import { aCall, aPod, testApi } from '#server/apiserver/testing/test-api.ts';
import { strategies } from '#server/registry/index.ts';

/** With the real strategies: their rules and these must fit. */
function registryApi() {
  const own: Record<string, NonNullable<ReturnType<typeof strategies.get>>> = {};
  for (const [key, strategy] of strategies) {
    const [group, plural] = key.split('/');
    own[group ? `${plural}.${group}` : `${plural}`] = strategy;
  }
  return testApi(own);
}

const failure = async (run: Promise<unknown>): Promise<StatusError> =>
  run.then(
    () => {
      throw new Error('expected a failure');
    },
    (err: StatusError) => err,
  );

const toNode = (node: string): Binding =>
  ({ metadata: { name: 'p' }, target: { kind: 'Node', name: node } }) as Binding;

describe('binding', () => {
  test('puts a Pod on a node, once', async () => {
    const api = registryApi();
    await createObject(api, aCall(pods), aPod('p'));
    await bindPod(api, aCall(pods, 'p', { subresource: 'binding' }), toNode('pi'));
    const pod = objectOf(requireEntry(api, aCall(pods, 'p'))) as Pod;
    expect(pod.spec.nodeName).toBe('pi');
    expect(pod.status?.conditions).toMatchObject([{ type: 'PodScheduled', status: 'True' }]);
    const err = await failure(bindPod(api, aCall(pods, 'p', { subresource: 'binding' }), toNode('other')));
    expect([err.code, err.message]).toEqual([409, expect.stringContaining('already assigned to node "pi"')]);
  });

  test('only the binding may set the node', async () => {
    const api = registryApi();
    await createObject(api, aCall(pods), aPod('p'));
    const next = structuredClone(objectOf(requireEntry(api, aCall(pods, 'p')))) as Pod;
    next.spec.nodeName = 'pi';
    expect((await failure(replaceObject(api, aCall(pods, 'p'), next))).code).toBe(422);
  });
});

describe('eviction', () => {
  const setUp = async (disruptionsAllowed: number) => {
    const api = registryApi();
    await createObject(api, aCall(pods), aPod('p', { metadata: { labels: { app: 'x' } } }));
    await bindPod(api, aCall(pods, 'p', { subresource: 'binding' }), toNode('pi'));
    const running = structuredClone(objectOf(requireEntry(api, aCall(pods, 'p')))) as Pod;
    running.status = { ...running.status, phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] };
    await replaceObject(api, aCall(pods, 'p', { subresource: 'status' }), running);
    const spec = { minAvailable: 1, selector: { matchLabels: { app: 'x' } } };
    const budget = { metadata: { name: 'b' }, spec } as KubeObject;
    await createObject(api, aCall(poddisruptionbudgets), structuredClone(budget));
    const status = {
      observedGeneration: 1,
      disruptionsAllowed,
      currentHealthy: 1,
      desiredHealthy: 1,
      expectedPods: 1,
    };
    const call = aCall(poddisruptionbudgets, 'b', { subresource: 'status' });
    const { resourceVersion } = objectOf(requireEntry(api, call)).metadata;
    const metadata = { name: 'b', resourceVersion };
    await replaceObject(api, call, { metadata, spec, status } as KubeObject);
    return api;
  };
  const eviction: Eviction = { metadata: { name: 'p' } };

  test('is 429 while the budget allows none', async () => {
    const api = await setUp(0);
    const err = await failure(evictPod(api, aCall(pods, 'p', { subresource: 'eviction' }), eviction));
    expect(err.code).toBe(429);
    expect(err.message).toContain("would violate the pod's disruption budget");
  });

  test('charges the budget and deletes', async () => {
    const api = await setUp(1);
    await evictPod(api, aCall(pods, 'p', { subresource: 'eviction' }), eviction);
    const budget = objectOf(requireEntry(api, aCall(poddisruptionbudgets, 'b')));
    expect(budget).toMatchObject({
      status: { disruptionsAllowed: 0, disruptedPods: { p: expect.any(String) } },
    });
    expect(objectOf(requireEntry(api, aCall(pods, 'p'))).metadata.deletionTimestamp).toBeDefined();
  });
});

test('scale reads and writes replicas alone', async () => {
  const api = registryApi();
  const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }] } };
  const spec = { replicas: 1, selector: { matchLabels: { a: 'b' } }, template };
  await createObject(api, aCall(replicasets), { metadata: { name: 'r' }, spec } as KubeObject);
  const call = aCall(replicasets, 'r', { subresource: 'scale' });
  expect(getScale(api, call)).toMatchObject({
    spec: { replicas: 1 },
    status: { replicas: 0, selector: 'a=b' },
  });
  const scaled = await changeScale(api, call, (old) => ({ ...old, spec: { replicas: 4 } }));
  expect(scaled.spec).toEqual({ replicas: 4 });
  expect((await failure(changeScale(api, call, (old) => ({ ...old, spec: { replicas: -1 } })))).code).toBe(
    422,
  );
});

test('parts write only themselves', async () => {
  const api = registryApi();
  await createObject(api, aCall(pods), aPod('p'));
  const next = structuredClone(objectOf(requireEntry(api, aCall(pods, 'p')))) as Pod;
  next.spec.ephemeralContainers = [{ name: 'debug', image: 'busybox' }] as NonNullable<
    Pod['spec']['ephemeralContainers']
  >;
  next.spec.priority = 7;
  const call = aCall(pods, 'p', { subresource: 'ephemeralcontainers' });
  const { spec } = objectOf((await replaceObject(api, call, next)).entry) as Pod;
  expect(spec.ephemeralContainers?.map((c) => c.name)).toEqual(['debug']);
  expect(spec.priority).toBeUndefined();
});

test.each([
  ['system:nodes', 'status', 'relaxed'],
  ['system:nodes', undefined, 'synced'],
  ['system:masters', 'status', 'synced'],
])('a write by %s of %s is %s', (group, subresource, durability) => {
  const call = aCall(nodes, 'pi', { subresource, user: { name: 'u', groups: [group] } });
  expect(durabilityOf(call)).toBe(durability);
});

test.each([
  [['a'], null, 'a'],
  [['a', 'b'], 'b', 'b'],
])('the container of %j, asked for %s', (names, wanted, chosen) => {
  const pod = aPod('p', { spec: { containers: names.map((name) => ({ name, image: 'i' })) } });
  expect(chooseContainer(pod, wanted)).toBe(chosen);
});

test('which container is not guessed', () => {
  const containers = [
    { name: 'a', image: 'i' },
    { name: 'b', image: 'i' },
  ];
  expect(() => chooseContainer(aPod('p', { spec: { containers } }), null)).toThrowError(
    'a container name must be specified for pod p, choose one of: [a b]',
  );
});
