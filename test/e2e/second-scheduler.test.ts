/**
 * Another scheduler beside ours, as anybody would write one: a few lines on the official client, over HTTPS. It takes the Pods
 * that name it; ours leaves those alone and reckons with what they hold. No boards: a server of its own on loopback.
 */
import { CoreV1Api, KubeConfig, type V1Pod, Watch } from '@kubernetes/client-node';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemClock } from '#proto/meta/clock.ts';
import { silent } from '#proto/meta/log.ts';
import { startTestServer } from '#server/apiserver/testing/test-server.ts';
import { ApiEventRecorder } from '#server/client/events.ts';
import { InformerFactory } from '#server/client/informer-factory.ts';
import { Scheduler } from '#server/scheduler/scheduler.ts';

const PATIENT = { timeout: 30_000 };
const stop = new AbortController();
let core: CoreV1Api;
let close: () => Promise<void>;

/** Puts its Pods on the last node by name, whatever is there. */
async function runLastNodeScheduler(config: KubeConfig): Promise<AbortController> {
  const api = config.makeApiClient(CoreV1Api);
  const selector = { fieldSelector: 'spec.schedulerName=last-node,spec.nodeName=' };
  return new Watch(config).watch(
    '/api/v1/pods',
    selector,
    (type: string, pod: V1Pod) => {
      if (type === 'ADDED') void place(api, pod);
    },
    () => {},
  );
}

async function place(api: CoreV1Api, { metadata }: V1Pod): Promise<void> {
  const { items } = await api.listNode();
  const node =
    items
      .map((one) => one.metadata?.name ?? '')
      .sort()
      .at(-1) ?? '';
  const { name = '', namespace = '' } = metadata ?? {};
  const body = { metadata: { name, namespace }, target: { apiVersion: 'v1', kind: 'Node', name: node } };
  await api.createNamespacedPodBinding({ name, namespace, body });
}

beforeAll(async () => {
  const { server, port, ca } = await startTestServer();
  const client = server.client({ name: 'system:kube-scheduler', groups: ['system:masters'] });
  const clock = systemClock;
  const informers = new InformerFactory({ client, clock, log: silent });
  informers.start(stop.signal);
  const events = new ApiEventRecorder({ client, clock, log: silent, component: 'default-scheduler' });
  const options = { client, informers, events, clock, random: () => 0, log: silent };
  await new Scheduler({ ...options, schedulerName: 'default-scheduler' }).start(stop.signal);
  const config = new KubeConfig();
  config.loadFromOptions({
    clusters: [
      { name: 'c', server: `https://127.0.0.1:${port}`, caData: Buffer.from(ca).toString('base64') },
    ],
    users: [{ name: 'u', token: 'admin' }],
    contexts: [{ name: 'x', cluster: 'c', user: 'u' }],
    currentContext: 'x',
  });
  core = config.makeApiClient(CoreV1Api);
  await core.createNamespace({ body: { metadata: { name: 'default' } } });
  for (const name of ['a', 'b']) {
    await core.createNode({ body: { metadata: { name } } });
    const status = { allocatable: { cpu: '2', memory: '1Gi', pods: '10' } };
    await core.replaceNodeStatus({ name, body: { metadata: { name }, status } });
  }
  const watching = await runLastNodeScheduler(config);
  close = async () => {
    watching.abort();
    stop.abort();
    await server.close();
  };
});
afterAll(() => close());

const create = (name: string, cpu: string, schedulerName?: string) =>
  core.createNamespacedPod({
    namespace: 'default',
    body: {
      metadata: { name },
      spec: {
        ...(schedulerName ? { schedulerName } : {}),
        containers: [{ name: 'main', image: 'hello', resources: { requests: { cpu } } }],
      },
    },
  });
const nodeOf = async (name: string) =>
  (await core.readNamespacedPod({ name, namespace: 'default' })).spec?.nodeName;
const reasonOf = async (name: string) =>
  (await core.readNamespacedPod({ name, namespace: 'default' })).status?.conditions?.[0]?.message;

it('places its own Pods, and ours finds the room that they leave', async () => {
  await create('theirs', '1500m', 'last-node');
  await expect.poll(() => nodeOf('theirs'), PATIENT).toBe('b');
  await create('ours', '1');
  await expect.poll(() => nodeOf('ours'), PATIENT).toBe('a');
  await create('nobodys', '100m', 'no-such-scheduler');
  await create('too-large', '1500m');
  await expect
    .poll(() => reasonOf('too-large'), PATIENT)
    .toContain('0/2 nodes are available: 2 Insufficient cpu.');
  expect(await nodeOf('nobodys')).toBeUndefined();
  expect(await reasonOf('nobodys')).toBeUndefined();
  await core.deleteNamespacedPod({ name: 'theirs', namespace: 'default', gracePeriodSeconds: 0 });
  await expect.poll(() => nodeOf('too-large'), PATIENT).toBe('b');
});
