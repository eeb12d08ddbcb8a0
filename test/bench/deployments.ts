/**
 * 1,000 Deployments of one Pod, created at once, in one process: the API server on a store on disk, all controllers and
 * the scheduler, and boards that say each Pod is ready as soon as it is bound. What counts is that they settle, and how
 * many writes it takes: a controller that chases its own changes shows here.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { deployments } from '#proto/api/apps/deployments.ts';
import { leases } from '#proto/api/coordination/leases.ts';
import { namespaces } from '#proto/api/core/namespaces.ts';
import { nodes } from '#proto/api/core/nodes.ts';
import { pods } from '#proto/api/core/pods.ts';
import { resources } from '#proto/api/index.ts';
import { systemClock } from '#proto/meta/clock.ts';
import { createLogger } from '#proto/meta/log.ts';
import { timestamp } from '#proto/meta/timestamp.ts';
import { createCa } from '#proto/pki/certificate.ts';
import { generateKey } from '#proto/pki/key.ts';
import type { Deployment, DeploymentStatus } from '#proto/schema/generated/apps-v1.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import { createAdmission } from '#server/apiserver/admission/index.ts';
import { createStoreReader } from '#server/apiserver/authn/object-reader.ts';
import { createApiServer } from '#server/apiserver/server.ts';
import { noBoards } from '#server/apiserver/testing/no-boards.ts';
import type { ApiClient } from '#server/client/client.ts';
import { ApiEventRecorder } from '#server/client/events.ts';
import { InformerFactory } from '#server/client/informer-factory.ts';
import { fixedKinds } from '#server/client/served-kinds.ts';
import { startControllers } from '#server/controllers/index.ts';
import { FakeBoardStorage } from '#server/controllers/testing/fake-board-storage.ts';
import { strategies } from '#server/registry/index.ts';
import { Scheduler } from '#server/scheduler/scheduler.ts';
import { openStore } from '#server/store/open.ts';
import type { Store } from '#server/store/store.ts';
import type { Progress } from './progress.ts';

const DEPLOYMENTS = 1000;
const BOARDS = 20;
const CLIENTS = 64;
const QUIET_MS = 3_000;

const clock = systemClock;
const log = createLogger('error');

export async function benchDeployments(progress: Progress) {
  const directory = mkdtempSync(join(tmpdir(), 'coracle-bench-'));
  const stop = new AbortController();
  const store = await openStore({ directory, clock, log });
  try {
    progress('starting API server, controllers and scheduler');
    const client = await startServer(store, stop.signal);
    const { settled } = await fakeBoards(client, stop.signal);
    const writes = countWrites(store);
    progress(`${DEPLOYMENTS} Deployments`);
    const cpu = process.cpuUsage();
    const since = performance.now();
    await createAll(client);
    const createdMs = performance.now() - since;
    await settled;
    const settledMs = performance.now() - since;
    const after = process.cpuUsage(cpu);
    // What comes after is nobody's wish.
    const atSettled = writes.total();
    do {
      writes.mark();
      await sleep(QUIET_MS);
    } while (writes.sinceMark() > 0);
    const round = (value: number): number => Math.round(value * 100) / 100;
    return {
      deployments: DEPLOYMENTS,
      boards: BOARDS,
      createdMs: Math.round(createdMs),
      settledMs: Math.round(settledMs),
      cpuSeconds: round((after.user + after.system) / 1e6),
      writes: {
        total: writes.total(),
        afterSettling: writes.total() - atSettled,
        perSettledPod: round(writes.total() / DEPLOYMENTS),
        // An event beside, of each settled Pod.
        perSettledPodByKind: Object.fromEntries(
          [...writes.byKind()].map(([kind, count]): [string, number] => [kind, round(count / DEPLOYMENTS)]),
        ),
      },
    };
  } finally {
    stop.abort();
    await store.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function startServer(store: Store, signal: AbortSignal): Promise<ApiClient> {
  const reader = createStoreReader(store);
  const authorizer = { authorize: () => ({ allowed: true }) };
  const api = createApiServer({
    store,
    resources,
    strategies,
    admission: createAdmission({ reader, authorizer, clock }),
    authenticators: [],
    authorizer,
    reviews: {},
    tokenIssuer: async (request) => request,
    streams: noBoards,
    extras: [],
    healthChecks: [],
    serviceCidr: '10.43.0.0/16',
    serverAddress: '127.0.0.1:6443',
    log,
    clock,
  });
  const client = api.client({ name: 'system:apiserver', groups: ['system:masters'] });
  await client.create(namespaces, { metadata: { name: 'default' }, spec: {} });
  const informers = new InformerFactory({ client, clock, log });
  const key = generateKey();
  await startControllers({
    ingress: true,
    client,
    informers,
    clock,
    log,
    signal,
    issuer: { certificate: createCa({ commonName: 'ca', key, notBeforeMs: 0, notAfterMs: 1e13 }), key },
    caPem: '',
    clusterCidr: '10.42.0.0/16',
    serviceLb: true,
    reservedPorts: [],
    issueToken: async () => '',
    checkApiService: async () => {},
    boardStorage: new FakeBoardStorage(),
    kinds: fixedKinds(resources),
  });
  const events = new ApiEventRecorder({ client, clock, log, component: 'default-scheduler' });
  const options = { client, informers, events, clock, random: Math.random, log };
  await new Scheduler({ ...options, schedulerName: 'default-scheduler' }).start(signal);
  return client;
}

/** Boards that are ready and make every Pod ready. Resolves when all Deployments say that they are available. */
async function fakeBoards(client: ApiClient, signal: AbortSignal): Promise<{ settled: Promise<void> }> {
  const now = timestamp(clock.now());
  for (let i = 0; i < BOARDS; i += 1) {
    const name = `board-${i}`;
    const size = { cpu: '64', memory: '64Gi', pods: '200' };
    const conditions = [{ type: 'Ready', status: 'True', lastHeartbeatTime: now, lastTransitionTime: now }];
    await client.create(nodes, { metadata: { name }, spec: {} });
    const status = { capacity: size, allocatable: size, conditions };
    await client.patch(nodes, { name }, 'merge', { status }, { subresource: 'status' });
  }
  void renewLeases(client, signal);
  let addresses = 0;
  const informers = new InformerFactory({ client, clock, log });
  const done = new Set<string>();
  const run = async (pod: Pod): Promise<void> => {
    const { namespace, name = '' } = pod.metadata;
    addresses += 1;
    const ip = `10.42.${addresses >> 8}.${addresses & 255}`;
    const lastTransitionTime = timestamp(clock.now());
    const conditions = [{ type: 'Ready', status: 'True', lastTransitionTime }];
    const status = {
      phase: 'Running',
      startTime: lastTransitionTime,
      podIP: ip,
      podIPs: [{ ip }],
      conditions,
    };
    await client.patch(pods, { namespace, name }, 'strategic', { status }, { subresource: 'status' });
  };
  informers.for(pods).onChange((_type, pod) => {
    const { uid = '' } = pod.metadata;
    if (!pod.spec.nodeName || done.has(uid)) return;
    done.add(uid);
    run(pod).catch((err: unknown) => log.error('pod not reported', { err }));
  });
  const available = new Set<string>();
  const settled = new Promise<void>((resolve) => {
    informers.for(deployments).onChange((_type, { metadata, status }) => {
      if (isSettled(metadata.generation, status)) available.add(metadata.name ?? '');
      if (available.size === DEPLOYMENTS) resolve();
    });
  });
  informers.start(signal);
  await informers.whenSynced();
  return { settled };
}

/** A silent board would have its Pods taken for lost. */
async function renewLeases(client: ApiClient, signal: AbortSignal): Promise<void> {
  const lease = (i: number) => ({ namespace: 'kube-node-lease', name: `board-${i}` });
  const spec = () => ({ renewTime: new Date(clock.now()).toISOString().replace('Z', '000Z') });
  await client.create(namespaces, { metadata: { name: 'kube-node-lease' }, spec: {} });
  for (let i = 0; i < BOARDS; i += 1) await client.create(leases, { metadata: lease(i), spec: spec() });
  while (!signal.aborted) {
    await clock.sleep(10_000, signal).catch(() => undefined);
    if (signal.aborted) return;
    for (let i = 0; i < BOARDS; i += 1) await client.patch(leases, lease(i), 'merge', { spec: spec() });
  }
}

const isSettled = (generation: number | undefined, status: DeploymentStatus | undefined): boolean =>
  status?.availableReplicas === 1 && status.observedGeneration === generation;

/** As fast as so many clients are answered. */
async function createAll(client: ApiClient): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: CLIENTS }, async () => {
      for (let i = next++; i < DEPLOYMENTS; i = next++)
        await client.create(deployments, aDeployment(`web-${i}`));
    }),
  );
}

const aDeployment = (name: string): Deployment => ({
  metadata: { name, namespace: 'default' },
  spec: {
    replicas: 1,
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: { containers: [{ name: 'main', image: 'web', resources: { requests: { cpu: '10m' } } }] },
    },
  },
});

/** Of the store, by kind: one that is refused is none. */
function countWrites(store: Store) {
  const kinds = new Map<string, number>();
  let total = 0;
  let marked = 0;
  store.watch(
    { prefix: '', after: store.revision },
    {
      onEvent: ({ entry }) => {
        const kind = entry.key.slice(0, entry.key.indexOf('/'));
        // Boards' own, for as long as it takes.
        if (kind.startsWith('leases')) return;
        kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
        total += 1;
      },
    },
  );
  return {
    total: () => total,
    byKind: () => [...kinds].sort(([, a], [, b]) => b - a),
    mark: () => {
      marked = total;
    },
    sinceMark: () => total - marked,
  };
}
