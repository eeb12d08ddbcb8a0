import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { deployments } from '#proto/api/apps/deployments.ts';
import { replicasets } from '#proto/api/apps/replicasets.ts';
import { leases } from '#proto/api/coordination/leases.ts';
import { configmaps } from '#proto/api/core/configmaps.ts';
import { endpoints } from '#proto/api/core/endpoints.ts';
import { namespaces } from '#proto/api/core/namespaces.ts';
import { nodes } from '#proto/api/core/nodes.ts';
import { pods } from '#proto/api/core/pods.ts';
import { secrets } from '#proto/api/core/secrets.ts';
import { serviceaccounts } from '#proto/api/core/serviceaccounts.ts';
import { services } from '#proto/api/core/services.ts';
import { endpointslices } from '#proto/api/discovery/endpointslices.ts';
import { resources } from '#proto/api/index.ts';
import { poddisruptionbudgets } from '#proto/api/policy/poddisruptionbudgets.ts';
import type { Resource } from '#proto/api/resource.ts';
import { FakeClock } from '#proto/meta/clock.ts';
import { silent } from '#proto/meta/log.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import { isNotFound } from '#proto/meta/status-error.ts';
import { timestamp } from '#proto/meta/timestamp.ts';
import { createCa } from '#proto/pki/certificate.ts';
import { generateKey } from '#proto/pki/key.ts';
import { InformerFactory } from '#server/client/informer-factory.ts';
import { MemoryClient } from '#server/client/memory-client.ts';
import { fixedKinds } from '#server/client/served-kinds.ts';
import { startControllers } from '#server/controllers/index.ts';
import { FakeBoardStorage } from '#server/controllers/testing/fake-board-storage.ts';

const clock = new FakeClock();
const key = generateKey();
let client = new MemoryClient(() => clock.now());
let stop = new AbortController();

beforeEach(async () => {
  client = new MemoryClient(() => clock.now());
  stop = new AbortController();
  await startControllers({
    ingress: true,
    client,
    informers: new InformerFactory({ client, clock, log: silent, rng: () => 0.5 }),
    clock,
    log: silent,
    signal: stop.signal,
    issuer: { certificate: createCa({ commonName: 'ca', key, notBeforeMs: 0, notAfterMs: 1e13 }), key },
    caPem: 'PEM',
    clusterCidr: '10.42.0.0/23',
    serviceLb: true,
    reservedPorts: [],
    issueToken: async ({ serviceAccount }) => `token for ${serviceAccount.name}`,
    kinds: fixedKinds(resources),
    checkApiService: async () => {},
    boardStorage: new FakeBoardStorage(),
    rng: () => 0.5,
  });
  await settle();
});
afterEach(() => stop.abort());

async function settle(): Promise<void> {
  for (let quiet = 0; quiet < 10; ) {
    const calls = client.calls.length;
    await turn();
    quiet = client.calls.length === calls ? quiet + 1 : 0;
  }
}

async function wait(ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 1000) {
    await clock.advance(Math.min(left, 1000));
    await settle();
  }
}

async function exists<T extends KubeObject>(resource: Resource<T>, name: string, namespace?: string) {
  try {
    return await client.get(resource, { name, namespace });
  } catch (err) {
    if (isNotFound(err)) return undefined;
    throw err;
  }
}

const aNode = (name: string, labels: Record<string, string> = {}) =>
  client.create(nodes, { metadata: { name, labels }, spec: {} });

async function beat(name: string): Promise<void> {
  const renewTime = new Date(clock.now()).toISOString();
  const key = { namespace: 'kube-node-lease', name };
  if (await exists(leases, name, 'kube-node-lease'))
    await client.patch(leases, key, 'merge', { spec: { renewTime } });
  else await client.create(leases, { metadata: key, spec: { holderIdentity: name, renewTime } });
}

async function readyNode(name: string): Promise<void> {
  if (!(await exists(nodes, name))) await aNode(name);
  const time = timestamp(clock.now());
  const conditions = [{ type: 'Ready', status: 'True', lastHeartbeatTime: time, lastTransitionTime: time }];
  await client.patch(nodes, { name }, 'merge', { status: { conditions } }, { subresource: 'status' });
  await beat(name);
}

const aPod = (name: string, nodeName?: string, extra: object = {}) =>
  client.create(pods, {
    metadata: {
      name,
      namespace: 'default',
      labels: { app: 'web' },
      ...(extra as { metadata?: object }).metadata,
    },
    spec: {
      ...(nodeName ? { nodeName } : {}),
      containers: [
        { name: 'web', image: 'web', ports: [{ name: 'http', containerPort: 8080, protocol: 'TCP' }] },
      ],
      ...(extra as { spec?: object }).spec,
    },
  });

const report = (name: string, ip: string, ready: boolean) =>
  client.patch(
    pods,
    { namespace: 'default', name },
    'merge',
    {
      status: {
        phase: 'Running',
        podIP: ip,
        podIPs: [{ ip }],
        conditions: [
          { type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime: timestamp(clock.now()) },
        ],
      },
    },
    { subresource: 'status' },
  );

describe('namespaces', () => {
  it('get a service account and the CA, and both again when they are deleted', async () => {
    await client.create(namespaces, { metadata: { name: 'shop' }, spec: {} });
    await settle();
    expect(await exists(serviceaccounts, 'default', 'shop')).toBeDefined();
    expect((await exists(configmaps, 'kube-root-ca.crt', 'shop'))?.data).toEqual({ 'ca.crt': 'PEM' });
    await client.delete(serviceaccounts, { namespace: 'shop', name: 'default' });
    await client.delete(configmaps, { namespace: 'shop', name: 'kube-root-ca.crt' });
    await settle();
    expect(await exists(serviceaccounts, 'default', 'shop')).toBeDefined();
    expect(await exists(configmaps, 'kube-root-ca.crt', 'shop')).toBeDefined();
  });

  it('are emptied, pods first, and go when nothing is left', async () => {
    await client.create(namespaces, { metadata: { name: 'shop' }, spec: {} });
    await client.create(pods, {
      metadata: { name: 'web', namespace: 'shop' },
      spec: { nodeName: 'a', containers: [] },
    });
    await client.create(configmaps, { metadata: { name: 'held', namespace: 'shop', finalizers: ['x/y'] } });
    await readyNode('a');
    await settle();
    await client.delete(namespaces, { name: 'shop' });
    await settle();
    expect((await exists(configmaps, 'held', 'shop'))?.metadata.deletionTimestamp).toBeUndefined();
    // The agent has stopped the pod.
    await client.delete(pods, { namespace: 'shop', name: 'web' }, { gracePeriodSeconds: 0 });
    await wait(3000);
    const conditions = (await exists(namespaces, 'shop'))?.status?.conditions ?? [];
    expect(conditions.filter((c) => c.status === 'True').map((c) => `${c.type}: ${c.message}`)).toEqual([
      'NamespaceContentRemaining: Some resources are remaining: configmaps. has 1 resource instances',
      'NamespaceFinalizersRemaining: Some content in the namespace has finalizers remaining: x/y in 1 resource instances',
    ]);
    await client.patch(configmaps, { namespace: 'shop', name: 'held' }, 'merge', {
      metadata: { finalizers: null },
    });
    await wait(5000);
    expect(await exists(namespaces, 'shop')).toBeUndefined();
    expect((await client.list(serviceaccounts, { namespace: 'shop' })).items).toEqual([]);
  });
});

describe('secrets of service accounts', () => {
  it('are filled, and deleted with their account', async () => {
    await client.create(namespaces, { metadata: { name: 'default' }, spec: {} });
    await settle();
    const annotations = { 'kubernetes.io/service-account.name': 'default' };
    const metadata = { name: 'tok', namespace: 'default', annotations };
    await client.create(secrets, { metadata, type: 'kubernetes.io/service-account-token' });
    await settle();
    const { data = {} } = await client.get(secrets, { namespace: 'default', name: 'tok' });
    expect(Buffer.from(data['token'] ?? '', 'base64').toString()).toBe('token for default');
    expect(Buffer.from(data['namespace'] ?? '', 'base64').toString()).toBe('default');
    await client.delete(serviceaccounts, { namespace: 'default', name: 'default' });
    await settle();
    expect(await exists(secrets, 'tok', 'default')).toBeUndefined();
  });
});

describe('nodes', () => {
  it('get a block each until none is left, and a freed one is given again', async () => {
    for (const name of ['a', 'b', 'c']) await aNode(name);
    await settle();
    const cidrs = async () => (await client.list(nodes)).items.map((n) => n.spec.podCIDR);
    expect(await cidrs()).toEqual(['10.42.0.0/24', '10.42.1.0/24', undefined]);
    await client.delete(nodes, { name: 'a' });
    await wait(2000);
    expect(await cidrs()).toEqual(['10.42.1.0/24', '10.42.0.0/24']);
  });

  it('that fall silent become Unknown, lose their pods in time, and recover', async () => {
    await readyNode('a');
    await readyNode('b');
    const tolerations = [
      {
        key: 'node.kubernetes.io/unreachable',
        operator: 'Exists',
        effect: 'NoExecute',
        tolerationSeconds: 30,
      },
    ];
    await aPod('patient', 'b', { spec: { tolerations } });
    await aPod('loyal', 'b', { spec: { tolerations: [{ operator: 'Exists' }] } });
    await report('patient', '10.42.1.2', true);
    await settle();
    for (let i = 0; i < 5; i += 1) {
      await beat('a');
      await wait(10_000);
    }
    const taintsOf = async (name: string) =>
      ((await client.get(nodes, { name })).spec.taints ?? []).map((t) => `${t.key}:${t.effect}`);
    const node = await client.get(nodes, { name: 'b' });
    expect(node.status?.conditions?.find((c) => c.type === 'Ready')).toMatchObject({
      status: 'Unknown',
      reason: 'NodeStatusUnknown',
    });
    expect(await taintsOf('b')).toEqual([
      'node.kubernetes.io/unreachable:NoSchedule',
      'node.kubernetes.io/unreachable:NoExecute',
    ]);
    expect(await taintsOf('a')).toEqual([]);
    const patient = () => client.get(pods, { namespace: 'default', name: 'patient' });
    expect((await patient()).status?.conditions?.find((c) => c.type === 'Ready')?.status).toBe('False');
    expect((await patient()).metadata.deletionTimestamp).toBeUndefined();
    for (let i = 0; i < 3; i += 1) {
      await beat('a');
      await wait(10_000);
    }
    // It stays, terminating: nobody knows whether it still runs.
    expect((await patient()).metadata.deletionTimestamp).toBeDefined();
    expect((await exists(pods, 'loyal', 'default'))?.metadata.deletionTimestamp).toBeUndefined();
    await readyNode('b');
    await settle();
    expect(await taintsOf('b')).toEqual([]);
  });

  it('are not emptied when all of them are silent', async () => {
    await readyNode('a');
    await aPod('web', 'a');
    await wait(60_000);
    const node = await client.get(nodes, { name: 'a' });
    expect(node.spec.taints?.map((t) => t.effect)).toEqual(['NoSchedule']);
    expect((await exists(pods, 'web', 'default'))?.metadata.deletionTimestamp).toBeUndefined();
  });

  it('that are deleted take their pods with them', async () => {
    await readyNode('a');
    await aPod('web', 'a');
    await settle();
    await client.delete(nodes, { name: 'a' });
    await wait(45_000);
    expect(await exists(pods, 'web', 'default')).toBeUndefined();
  });
});

describe('services', () => {
  it('have endpoints and slices that follow their pods', async () => {
    await aNode('a', { 'topology.kubernetes.io/zone': 'attic' });
    await client.create(services, {
      metadata: { name: 'web', namespace: 'default' },
      spec: {
        selector: { app: 'web' },
        ports: [{ name: 'http', port: 80, targetPort: 'http', protocol: 'TCP' }],
      },
    });
    await aPod('one', 'a');
    await aPod('two', 'a');
    await report('one', '10.42.0.2', true);
    await report('two', '10.42.0.3', false);
    await settle();
    const subsets = async () => (await client.get(endpoints, { namespace: 'default', name: 'web' })).subsets;
    expect(await subsets()).toMatchObject([
      {
        addresses: [{ ip: '10.42.0.2', nodeName: 'a' }],
        notReadyAddresses: [{ ip: '10.42.0.3' }],
        ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
      },
    ]);
    const slices = async () => (await client.list(endpointslices)).items;
    expect(await slices()).toHaveLength(1);
    expect((await slices())[0]).toMatchObject({
      addressType: 'IPv4',
      metadata: { labels: { 'kubernetes.io/service-name': 'web' } },
      ports: [{ name: 'http', port: 8080 }],
      endpoints: [
        {
          addresses: ['10.42.0.2'],
          zone: 'attic',
          conditions: { ready: true, serving: true, terminating: false },
        },
        { addresses: ['10.42.0.3'], conditions: { ready: false, serving: false } },
      ],
    });
    await client.delete(pods, { namespace: 'default', name: 'one' });
    await report('two', '10.42.0.3', true);
    await settle();
    expect((await slices())[0]?.endpoints.map((e) => e.conditions)).toEqual([
      { ready: false, serving: true, terminating: true },
      { ready: true, serving: true, terminating: false },
    ]);
    expect((await subsets())?.[0]?.addresses?.map((a) => a.ip)).toEqual(['10.42.0.3']);
    await client.delete(services, { namespace: 'default', name: 'web' });
    await settle();
    expect(await slices()).toEqual([]);
    expect(await exists(endpoints, 'web', 'default')).toBeUndefined();
  });

  it('spread over slices of a hundred', async () => {
    for (let i = 0; i < 130; i += 1) {
      await aPod(`p${i}`, 'a');
      await report(`p${i}`, `10.42.0.${i}`, true);
    }
    await aNode('a');
    await client.create(services, {
      metadata: { name: 'web', namespace: 'default' },
      spec: { selector: { app: 'web' }, ports: [{ port: 80 }] },
    });
    await settle();
    const sizes = (await client.list(endpointslices)).items.map((s) => s.endpoints.length);
    expect(sizes).toEqual([100, 30]);
  });
});

describe('deletion', () => {
  const KEY = { namespace: 'default', name: 'web' };
  const start = async () => {
    await client.create(deployments, {
      metadata: KEY,
      spec: {
        replicas: 2,
        selector: { matchLabels: { app: 'web' } },
        template: {
          metadata: { labels: { app: 'web' } },
          spec: { containers: [{ name: 'web', image: 'web' }] },
        },
      },
    });
    await settle();
    expect((await client.list(pods)).items).toHaveLength(2);
  };

  it('in the background takes dependents along', async () => {
    await start();
    await client.delete(deployments, KEY, { propagationPolicy: 'Background' });
    await settle();
    expect((await client.list(replicasets)).items).toEqual([]);
    expect((await client.list(pods)).items).toEqual([]);
  });

  it('in the foreground waits for them', async () => {
    await start();
    const [pod] = (await client.list(pods)).items;
    const { namespace, name = '' } = pod?.metadata ?? {};
    await client.patch(pods, { namespace, name }, 'merge', { metadata: { finalizers: ['x/y'] } });
    await client.delete(deployments, KEY, { propagationPolicy: 'Foreground' });
    await settle();
    expect((await exists(deployments, 'web', 'default'))?.metadata.deletionTimestamp).toBeDefined();
    expect((await client.list(pods)).items.map((p) => p.metadata.name)).toEqual([name]);
    await client.patch(pods, { namespace, name }, 'merge', { metadata: { finalizers: null } });
    await settle();
    expect((await client.list(replicasets)).items).toEqual([]);
    expect(await exists(deployments, 'web', 'default')).toBeUndefined();
  });

  it('can leave them as orphans', async () => {
    await start();
    await client.delete(deployments, KEY, { propagationPolicy: 'Orphan' });
    await settle();
    expect(await exists(deployments, 'web', 'default')).toBeUndefined();
    const sets = (await client.list(replicasets)).items;
    expect(sets.map((rs) => rs.metadata.ownerReferences)).toEqual([[]]);
    expect((await client.list(pods)).items).toHaveLength(2);
  });

  it('spares objects whose owner is of an unknown kind', async () => {
    const owner = { apiVersion: 'example.com/v1', kind: 'Boat', name: 'coracle', uid: 'boat' };
    await client.create(configmaps, {
      metadata: { name: 'oar', namespace: 'default', ownerReferences: [owner] },
    });
    const gone = { apiVersion: 'v1', kind: 'ConfigMap', name: 'gone', uid: 'gone' };
    await client.create(configmaps, {
      metadata: { name: 'lost', namespace: 'default', ownerReferences: [gone] },
    });
    await settle();
    expect(await exists(configmaps, 'oar', 'default')).toBeDefined();
    expect(await exists(configmaps, 'lost', 'default')).toBeUndefined();
  });
});

describe('disruption budgets', () => {
  it('allow what their pods can spare', async () => {
    await aNode('a');
    await client.create(poddisruptionbudgets, {
      metadata: { name: 'web', namespace: 'default' },
      spec: { minAvailable: 1, selector: { matchLabels: { app: 'web' } } },
    });
    await aPod('one', 'a');
    await aPod('two', 'a');
    await report('one', '10.42.0.2', true);
    await settle();
    const status = async () =>
      (await client.get(poddisruptionbudgets, { namespace: 'default', name: 'web' })).status;
    expect(await status()).toMatchObject({ disruptionsAllowed: 0, currentHealthy: 1, expectedPods: 2 });
    await report('two', '10.42.0.3', true);
    await settle();
    expect(await status()).toMatchObject({ disruptionsAllowed: 1, currentHealthy: 2, desiredHealthy: 1 });
  });
});
