import { describe, expect, test } from 'vitest';
import { replicasets } from '#proto/api/apps/replicasets.ts';
import { nodes } from '#proto/api/core/nodes.ts';
import { pods } from '#proto/api/core/pods.ts';
import { poddisruptionbudgets } from '#proto/api/policy/poddisruptionbudgets.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import type { StatusError } from '#proto/meta/status-error.ts';
import type { Binding, Pod } from '#proto/schema/generated/core-v1.ts';
import type {
  Eviction,
  PodDisruptionBudget,
  PodDisruptionBudgetStatus,
} from '#proto/schema/generated/policy-v1.ts';
import type { Api } from '#server/apiserver/rest/api.ts';
import { createObject } from '#server/apiserver/rest/create.ts';
import { objectOf } from '#server/apiserver/rest/entries.ts';
import { replaceObject } from '#server/apiserver/rest/update.ts';
import { durabilityOf, requireEntry } from '#server/apiserver/rest/write.ts';
import { bindPod } from '#server/apiserver/subresources/binding.ts';
import { evictPod } from '#server/apiserver/subresources/eviction.ts';
import { chooseContainer } from '#server/apiserver/subresources/pod-log.ts';
import { changeScale, getScale } from '#server/apiserver/subresources/scale.ts';
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
    const binding = toNode('pi');
    binding.metadata.labels = { 'topology.kubernetes.io/zone': 'attic' };
    await bindPod(api, aCall(pods, 'p', { subresource: 'binding' }), binding);
    const pod = objectOf(requireEntry(api, aCall(pods, 'p'))) as Pod;
    expect(pod.spec.nodeName).toBe('pi');
    expect(pod.metadata.labels).toMatchObject({ 'topology.kubernetes.io/zone': 'attic' });
    expect(pod.status?.conditions).toMatchObject([{ type: 'PodScheduled', status: 'True' }]);
    const err = await failure(bindPod(api, aCall(pods, 'p', { subresource: 'binding' }), toNode('other')));
    expect([err.code, err.message]).toEqual([409, expect.stringContaining('already assigned to node "pi"')]);
  });

  test('ends the wait for a nominated node', async () => {
    const api = registryApi();
    await createObject(api, aCall(pods), aPod('p'));
    const waiting = structuredClone(objectOf(requireEntry(api, aCall(pods, 'p')))) as Pod;
    waiting.status = { ...waiting.status, nominatedNodeName: 'pi' };
    await replaceObject(api, aCall(pods, 'p', { subresource: 'status' }), waiting);
    await bindPod(api, aCall(pods, 'p', { subresource: 'binding' }), toNode('pi'));
    expect((objectOf(requireEntry(api, aCall(pods, 'p'))) as Pod).status).not.toHaveProperty(
      'nominatedNodeName',
    );
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
  interface Given {
    readonly allowed?: number;
    readonly ready?: 'True' | 'False';
    readonly phase?: string;
    readonly status?: Partial<PodDisruptionBudgetStatus>;
    readonly policy?: string;
    readonly budgets?: number;
  }
  const setUp = async (given: Given) => {
    const { allowed = 0, ready = 'True', phase = 'Running', policy, budgets = 1 } = given;
    const api = registryApi();
    await createObject(api, aCall(pods), aPod('p', { metadata: { labels: { app: 'x' } } }));
    await bindPod(api, aCall(pods, 'p', { subresource: 'binding' }), toNode('pi'));
    const running = structuredClone(objectOf(requireEntry(api, aCall(pods, 'p')))) as Pod;
    running.status = { ...running.status, phase, conditions: [{ type: 'Ready', status: ready }] };
    await replaceObject(api, aCall(pods, 'p', { subresource: 'status' }), running);
    for (let i = 0; i < budgets; i += 1) {
      const spec = {
        minAvailable: 1,
        selector: { matchLabels: { app: 'x' } },
        ...(policy ? { unhealthyPodEvictionPolicy: policy } : {}),
      };
      const name = i === 0 ? 'b' : `b${i}`;
      await createObject(api, aCall(poddisruptionbudgets), { metadata: { name }, spec } as KubeObject);
      const status = {
        observedGeneration: 1,
        disruptionsAllowed: allowed,
        currentHealthy: 1,
        desiredHealthy: 1,
        expectedPods: 1,
        ...given.status,
      };
      const call = aCall(poddisruptionbudgets, name, { subresource: 'status' });
      const { resourceVersion } = objectOf(requireEntry(api, call)).metadata;
      await replaceObject(api, call, { metadata: { name, resourceVersion }, spec, status } as KubeObject);
    }
    return api;
  };
  const eviction: Eviction = { metadata: { name: 'p' } };
  const evict = (api: Api, more: Partial<Eviction> = {}) =>
    evictPod(api, aCall(pods, 'p', { subresource: 'eviction' }), { ...eviction, ...more });
  const condition = (status: string, reason: string, message: string) => ({
    type: 'DisruptionAllowed',
    status,
    reason,
    message,
    lastTransitionTime: '2026-01-01T00:00:00Z',
  });

  test.each<[string, Given, string, number | undefined]>([
    ['none are allowed', {}, 'The disruption budget b needs 1 healthy pods and has 1 currently', undefined],
    [
      'the budget could not be computed',
      { status: { conditions: [condition('False', 'SyncFailed', 'found no controllers for pod "p"')] } },
      'The disruption budget b does not allow evicting pods currently because it failed sync: found no controllers for pod "p"',
      undefined,
    ],
    [
      'it says why',
      { status: { currentHealthy: 3, conditions: [condition('False', 'InsufficientPods', 'no')] } },
      'The disruption budget b does not allow evicting pods currently (InsufficientPods): no',
      undefined,
    ],
    [
      'it says nothing',
      { status: { currentHealthy: 3 } },
      'The disruption budget b does not allow evicting pods currently',
      undefined,
    ],
    [
      'the budget is new',
      { allowed: 1, status: { observedGeneration: 0 } },
      'The disruption budget b is still being processed by the server.',
      10,
    ],
    [
      'one that is not ready is in a budget that is not whole',
      { ready: 'False', status: { currentHealthy: 0 } },
      'The disruption budget b needs 1 healthy pods and has 0 currently',
      undefined,
    ],
  ])('is 429 with the cause, where %s', async (_what, given, message, retryAfterSeconds) => {
    const err = await failure(evict(await setUp(given)));
    expect(err.code).toBe(429);
    expect(err.message).toBe("Cannot evict pod as it would violate the pod's disruption budget.");
    expect(err.details?.causes).toEqual([{ reason: 'DisruptionBudget', message }]);
    expect(err.details?.retryAfterSeconds || undefined).toBe(retryAfterSeconds);
  });

  test('charges the budget, says why in the Pod, and deletes', async () => {
    const api = await setUp({
      allowed: 1,
      status: { conditions: [condition('True', 'SufficientPods', '')] },
    });
    await evict(api);
    expect(objectOf(requireEntry(api, aCall(poddisruptionbudgets, 'b')))).toMatchObject({
      status: {
        disruptionsAllowed: 0,
        disruptedPods: { p: expect.any(String) },
        conditions: [{ status: 'False', reason: 'InsufficientPods' }],
      },
    });
    const pod = objectOf(requireEntry(api, aCall(pods, 'p'))) as Pod;
    expect(pod.metadata.deletionTimestamp).toBeDefined();
    expect(pod.status?.conditions).toMatchObject([
      { type: 'Ready' },
      {
        type: 'DisruptionTarget',
        status: 'True',
        reason: 'EvictionByEvictionAPI',
        message: 'Eviction API: evicting',
      },
    ]);
  });

  test.each<[string, Given]>([
    ['has not begun', { phase: 'Pending' }],
    ['has ended', { phase: 'Succeeded' }],
    ['is not ready, in a budget that is whole', { ready: 'False' }],
    [
      'is not ready, where such ones may always go',
      { ready: 'False', policy: 'AlwaysAllow', status: { currentHealthy: 0 } },
    ],
  ])('lets a Pod go for nothing that %s', async (_what, given) => {
    const api = await setUp(given);
    await evict(api);
    const budget = objectOf(requireEntry(api, aCall(poddisruptionbudgets, 'b'))) as PodDisruptionBudget;
    expect(budget.status?.disruptedPods).toBeUndefined();
  });

  test('tries only, with dryRun', async () => {
    const api = await setUp({ allowed: 1 });
    await evict(api, { deleteOptions: { dryRun: ['All'] } });
    expect(objectOf(requireEntry(api, aCall(pods, 'p'))).metadata.deletionTimestamp).toBeUndefined();
    expect(objectOf(requireEntry(api, aCall(poddisruptionbudgets, 'b')))).toMatchObject({
      status: { disruptionsAllowed: 1 },
    });
  });

  test('keeps to preconditions', async () => {
    const api = await setUp({ allowed: 1 });
    const err = await failure(evict(api, { deleteOptions: { preconditions: { resourceVersion: '1' } } }));
    expect(err.code).toBe(409);
    expect(err.message).toMatch(
      /the ResourceVersion in the precondition \(1\) does not match the ResourceVersion in record/,
    );
  });

  test('is 500 with two budgets', async () => {
    const err = await failure(evict(await setUp({ allowed: 1, budgets: 2 })));
    expect(err.code).toBe(500);
    expect(err.message).toBe(
      'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
    );
  });
});

test('scale reads and writes replicas alone', async () => {
  const api = registryApi();
  const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }] } };
  const spec = { replicas: 1, selector: { matchLabels: { a: 'b' } }, template };
  await createObject(api, aCall(replicasets), { metadata: { name: 'r' }, spec } as KubeObject);
  const call = aCall(replicasets, 'r', { subresource: 'scale' });
  expect(await getScale(api, call)).toMatchObject({
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
