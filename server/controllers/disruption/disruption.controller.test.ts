import { afterEach, expect, it } from 'vitest';
import { deployments } from '#proto/api/apps/deployments.ts';
import { replicasets } from '#proto/api/apps/replicasets.ts';
import { statefulsets } from '#proto/api/apps/statefulsets.ts';
import { pods } from '#proto/api/core/pods.ts';
import { resources } from '#proto/api/index.ts';
import { poddisruptionbudgets } from '#proto/api/policy/poddisruptionbudgets.ts';
import { timestamp } from '#proto/meta/timestamp.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import type { OwnerReference } from '#proto/schema/generated/meta-v1.ts';
import type { PodDisruptionBudgetSpec } from '#proto/schema/generated/policy-v1.ts';
import { createDisruptionController } from '#server/controllers/disruption/disruption.controller.ts';
import { type Harness, startHarness } from '#server/controllers/testing/harness.ts';
import { expectQuiet } from '#server/controllers/testing/node-agent.ts';

const KEY = { namespace: 'default', name: 'web' };
const labels = { app: 'web' };
let harness: Harness;
afterEach(() => harness.stop());

const begin = async (): Promise<void> => {
  harness = await startHarness([(context) => createDisruptionController(context, () => resources)]);
};

const owner = (kind: string, uid: string, apiVersion = 'apps/v1'): OwnerReference => ({
  apiVersion,
  kind,
  name: 'web',
  uid,
  controller: true,
});

async function somePods(count: number, ownerReferences: OwnerReference[] = [], ready = count): Promise<void> {
  for (let i = 0; i < count; i += 1) {
    await harness.client.create(pods, {
      metadata: { namespace: 'default', name: `web-${i}`, labels, ownerReferences },
      spec: { nodeName: 'board-1', containers: [] },
      status: {
        phase: 'Running',
        conditions: [
          {
            type: 'Ready',
            status: i < ready ? 'True' : 'False',
            lastTransitionTime: timestamp(harness.clock.now()),
          },
        ],
      },
    });
  }
}

async function budgetOf(spec: PodDisruptionBudgetSpec) {
  await harness.client.create(poddisruptionbudgets, {
    metadata: KEY,
    spec: { selector: { matchLabels: labels }, ...spec },
  });
  await harness.settle();
  return status();
}
const status = async () => (await harness.client.get(poddisruptionbudgets, KEY)).status;

it.each<[string, PodDisruptionBudgetSpec, number, object]>([
  [
    'a number that must be there',
    { minAvailable: 2 },
    3,
    { disruptionsAllowed: 1, desiredHealthy: 2, expectedPods: 3 },
  ],
  [
    'more than there are',
    { minAvailable: 5 },
    3,
    { disruptionsAllowed: 0, desiredHealthy: 5, expectedPods: 3 },
  ],
  [
    'a share of what is wanted',
    { minAvailable: '50%' },
    3,
    { disruptionsAllowed: 0, desiredHealthy: 3, expectedPods: 5 },
  ],
  [
    'what may be missing',
    { maxUnavailable: 3 },
    3,
    { disruptionsAllowed: 1, desiredHealthy: 2, expectedPods: 5 },
  ],
  [
    'a share that may be missing',
    { maxUnavailable: '60%' },
    3,
    { disruptionsAllowed: 1, desiredHealthy: 2, expectedPods: 5 },
  ],
  ['one of which is not ready', { minAvailable: 1 }, 2, { disruptionsAllowed: 1, currentHealthy: 2 }],
])('counts %s', async (_what, spec, ready, expected) => {
  await begin();
  const deployment = await harness.client.create(deployments, {
    metadata: KEY,
    spec: { replicas: 5, selector: { matchLabels: labels }, template: {} },
  });
  const set = await harness.client.create(replicasets, {
    metadata: { ...KEY, ownerReferences: [owner('Deployment', deployment.metadata.uid ?? '')] },
    spec: { replicas: 3, selector: { matchLabels: labels } },
  });
  await somePods(3, [owner('ReplicaSet', set.metadata.uid ?? '')], ready);
  expect(await budgetOf(spec)).toMatchObject(expected);
  await expectQuiet(harness, async () => undefined);
});

it('says that it is not known where a controller has no scale, and allows nothing', async () => {
  await begin();
  await somePods(2, [owner('DaemonSet', 'u')]);
  const error = 'daemonsets.apps does not implement the scale subresource';
  expect(await budgetOf({ maxUnavailable: 1 })).toMatchObject({
    disruptionsAllowed: 0,
    conditions: [{ type: 'DisruptionAllowed', status: 'False', reason: 'SyncFailed', message: error }],
  });
  expect(harness.events.told).toEqual([
    `Warning CalculateExpectedPodCountFailed Failed to calculate the number of expected pods: ${error}`,
  ]);
  await expectQuiet(harness, async () => undefined);
});

it.each([
  [owner('Web', 'u', 'a.b/v1'), 'no matches for kind "Web" in version "a.b/v1"'],
  [owner('StatefulSet', 'another'), 'found no controllers for pod "web-0"'],
])('says why a controller can not be counted by', async (reference, message) => {
  await begin();
  await harness.client.create(statefulsets, {
    metadata: KEY,
    spec: { serviceName: '', selector: {}, template: {} },
  });
  await somePods(1, [reference]);
  expect((await budgetOf({ maxUnavailable: 1 }))?.conditions).toMatchObject([
    { reason: 'SyncFailed', message },
  ]);
});

it('tells of Pods that nobody manages, and of none at all', async () => {
  await begin();
  expect(await budgetOf({ maxUnavailable: 1 })).toMatchObject({ disruptionsAllowed: 0, expectedPods: 0 });
  await somePods(1);
  await harness.settle();
  expect(harness.events.told).toEqual([
    'Normal NoPods No matching pods found',
    expect.stringMatching(
      /^Warning UnmanagedPods Pods selected by this PodDisruptionBudget \(selector: &LabelSelector\{MatchLabels:map\[string\]string\{app: web,\}/,
    ),
  ]);
});

it('forgets an eviction that was not carried out after two minutes', async () => {
  await begin();
  await somePods(2);
  await budgetOf({ minAvailable: 1 });
  const disruptedPods = { 'web-0': timestamp(harness.clock.now()), gone: timestamp(harness.clock.now()) };
  await harness.client.patch(
    poddisruptionbudgets,
    KEY,
    'merge',
    { status: { disruptionsAllowed: 0, disruptedPods } },
    { subresource: 'status' },
  );
  await harness.settle();
  expect(await status()).toMatchObject({
    disruptionsAllowed: 0,
    disruptedPods: { 'web-0': expect.any(String) },
  });
  await harness.clock.advance(121_000);
  await harness.settle();
  expect(await status()).toMatchObject({ disruptionsAllowed: 1 });
  expect((await status())?.disruptedPods).toBeUndefined();
  expect(harness.events.told).toEqual([
    "Warning NotDeleted Pod was expected by PDB default/web to be deleted but it wasn't",
  ]);
});

it.each([
  ['EvictionByEvictionAPI', 'False'],
  ['TerminationByKubelet', 'True'],
])('takes back after two minutes what %s said of a Pod that is still there', async (reason, expected) => {
  await begin();
  await somePods(1);
  const target = {
    type: 'DisruptionTarget',
    status: 'True',
    reason,
    lastTransitionTime: timestamp(harness.clock.now()),
  };
  const body = { status: { conditions: [target] } };
  await harness.client.patch(pods, { namespace: 'default', name: 'web-0' }, 'merge', body, {
    subresource: 'status',
  });
  await harness.settle();
  await harness.clock.advance(119_000);
  await harness.settle();
  const said = async (): Promise<string | undefined> => {
    const pod: Pod = await harness.client.get(pods, { namespace: 'default', name: 'web-0' });
    return pod.status?.conditions?.find(({ type }) => type === 'DisruptionTarget')?.status;
  };
  expect(await said()).toBe('True');
  await harness.clock.advance(2_000);
  await harness.settle();
  expect(await said()).toBe(expected);
});
