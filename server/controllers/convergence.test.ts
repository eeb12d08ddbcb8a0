/**
 * All controllers at once. People, boards and a scheduler act in a random order, caches lag, and writes fail before or
 * after they were done. Whatever the order, the cluster ends in one and the same state; controllers that begin anew
 * on it, and so see everything once more, write nothing.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { daemonsets } from '#proto/api/apps/daemonsets.ts';
import { deployments } from '#proto/api/apps/deployments.ts';
import { replicasets } from '#proto/api/apps/replicasets.ts';
import { statefulsets } from '#proto/api/apps/statefulsets.ts';
import { horizontalpodautoscalers } from '#proto/api/autoscaling/horizontalpodautoscalers.ts';
import { cronjobs } from '#proto/api/batch/cronjobs.ts';
import { jobs } from '#proto/api/batch/jobs.ts';
import { configmaps } from '#proto/api/core/configmaps.ts';
import { endpoints } from '#proto/api/core/endpoints.ts';
import { namespaces } from '#proto/api/core/namespaces.ts';
import { nodes } from '#proto/api/core/nodes.ts';
import { persistentvolumeclaims } from '#proto/api/core/persistentvolumeclaims.ts';
import { persistentvolumes } from '#proto/api/core/persistentvolumes.ts';
import { pods } from '#proto/api/core/pods.ts';
import { replicationcontrollers } from '#proto/api/core/replicationcontrollers.ts';
import { resourcequotas } from '#proto/api/core/resourcequotas.ts';
import { secrets } from '#proto/api/core/secrets.ts';
import { serviceaccounts } from '#proto/api/core/serviceaccounts.ts';
import { services } from '#proto/api/core/services.ts';
import { endpointslices } from '#proto/api/discovery/endpointslices.ts';
import { resources } from '#proto/api/index.ts';
import { poddisruptionbudgets } from '#proto/api/policy/poddisruptionbudgets.ts';
import { clusterroles } from '#proto/api/rbac/clusterroles.ts';
import type { Resource } from '#proto/api/resource.ts';
import { FakeClock } from '#proto/meta/clock.ts';
import { silent } from '#proto/meta/log.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import { isAlreadyExists } from '#proto/meta/status-error.ts';
import { createCa } from '#proto/pki/certificate.ts';
import { generateKey } from '#proto/pki/key.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import type { ApiClient } from '#server/client/client.ts';
import { InformerFactory } from '#server/client/informer-factory.ts';
import type { MemoryClient } from '#server/client/memory-client.ts';
import { fixedKinds } from '#server/client/served-kinds.ts';
import { startControllers } from '#server/controllers/index.ts';
import { controllerOf } from '#server/controllers/ownership.ts';
import { isPodActive, isPodReady } from '#server/controllers/pod-state.ts';
import { Boards } from '#server/controllers/testing/boards.ts';
import { FakeBoardStorage } from '#server/controllers/testing/fake-board-storage.ts';
import { FlakyClient } from '#server/controllers/testing/flaky-client.ts';
import { LaggingClient } from '#server/controllers/testing/lagging-client.ts';
import { seeded } from '#server/controllers/testing/random.ts';

const SEEDS = [1, 7, 42, 1871, 20260101, 987654321];
const NAMESPACE = 'default';
const caKey = generateKey();
const ca = createCa({ commonName: 'ca', key: caKey, notBeforeMs: 0, notAfterMs: 1e13 });

interface World {
  readonly client: MemoryClient;
  readonly boards: Boards;
}
type Act = (world: World) => Promise<unknown>;

const template = (app: string, image: string) => ({
  metadata: { labels: { app } },
  spec: { containers: [{ name: 'main', image, ports: [{ containerPort: 8080, protocol: 'TCP' }] }] },
});
const workload = (app: string, replicas: number) => ({
  replicas,
  selector: { matchLabels: { app } },
  template: template(app, '1'),
});
const create =
  <T extends KubeObject>(resource: Resource<T>, name: string, more: object): Act =>
  ({ client }) =>
    client.create(resource, { metadata: { name, namespace: NAMESPACE }, ...more } as unknown as T);
const patch =
  <T extends KubeObject>(resource: Resource<T>, name: string, body: object): Act =>
  ({ client }) =>
    client.patch(resource, resource.namespaced ? { namespace: NAMESPACE, name } : { name }, 'merge', body);
const image = (app: string, text: string) => ({ spec: { template: template(app, text) } });

/** What people do: each list in its own order, the lists mixed at random. */
const STORIES: Readonly<Record<string, readonly Act[]>> = {
  deployment: [
    create(deployments, 'web', {
      spec: {
        ...workload('web', 2),
        strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 1 } },
        progressDeadlineSeconds: 600,
        revisionHistoryLimit: 0,
      },
    }),
    patch(deployments, 'web', image('web', '2')),
    patch(deployments, 'web', { spec: { replicas: 4 } }),
    patch(deployments, 'web', image('web', '3')),
    patch(deployments, 'web', { spec: { replicas: 3 } }),
  ],
  service: [
    create(services, 'web', {
      spec: {
        selector: { app: 'web' },
        ports: [{ name: 'http', port: 80, targetPort: 8080, protocol: 'TCP' }],
      },
    }),
    patch(services, 'web', { metadata: { labels: { team: 'a' } } }),
  ],
  budget: [
    create(poddisruptionbudgets, 'web', {
      spec: { minAvailable: 2, selector: { matchLabels: { app: 'web' } } },
    }),
    patch(poddisruptionbudgets, 'web', { spec: { minAvailable: null, maxUnavailable: 1 } }),
  ],
  controller: [
    create(replicationcontrollers, 'old', { spec: { ...workload('old', 2), selector: { app: 'old' } } }),
    patch(replicationcontrollers, 'old', { spec: { replicas: 3 } }),
    async ({ client }) => {
      const mine = (await client.list(pods)).items.find((pod) => pod.metadata.labels?.['app'] === 'old');
      if (mine) await client.delete(pods, { namespace: NAMESPACE, name: mine.metadata.name ?? '' });
    },
  ],
  stateful: [
    create(statefulsets, 'db', {
      spec: {
        ...workload('db', 3),
        serviceName: 'db',
        updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
        volumeClaimTemplates: [{ metadata: { name: 'data' }, spec: {} }],
        persistentVolumeClaimRetentionPolicy: { whenScaled: 'Delete', whenDeleted: 'Retain' },
      },
    }),
    patch(statefulsets, 'db', image('db', '2')),
    patch(statefulsets, 'db', { spec: { replicas: 2 } }),
  ],
  // One for each claim of the set above.
  volumes: [0, 1, 2].map(
    (index) =>
      ({ client }) =>
        client.create(persistentvolumes, {
          metadata: { name: `disk-${index}` },
          spec: {
            capacity: { storage: '1Gi' },
            persistentVolumeReclaimPolicy: 'Retain',
            claimRef: { namespace: NAMESPACE, name: `data-db-${index}` },
          },
        }),
  ),
  daemon: [
    create(daemonsets, 'agent', {
      spec: {
        selector: { matchLabels: { app: 'agent' } },
        template: template('agent', '1'),
        updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } },
      },
    }),
    patch(daemonsets, 'agent', image('agent', '2')),
  ],
  job: [
    create(jobs, 'pi', { spec: { ...aJobSpec('pi'), completions: 4, parallelism: 2 } }),
    create(jobs, 'short', { spec: { ...aJobSpec('short'), completions: 1, ttlSecondsAfterFinished: 5 } }),
    create(cronjobs, 'never', {
      spec: { schedule: '0 0 31 12 *', concurrencyPolicy: 'Allow', jobTemplate: { spec: aJobSpec('never') } },
    }),
  ],
  quota: [
    create(resourcequotas, 'all', { spec: { hard: { pods: '50', services: '5', 'count/jobs.batch': '9' } } }),
  ],
  autoscaler: [
    create(deployments, 'api', { spec: { ...workload('api', 1), revisionHistoryLimit: 0 } }),
    create(horizontalpodautoscalers, 'api', {
      spec: {
        scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'api' },
        minReplicas: 3,
        maxReplicas: 5,
        metrics: [
          {
            type: 'Resource',
            resource: { name: 'cpu', target: { type: 'AverageValue', averageValue: '100m' } },
          },
        ],
      },
    }),
  ],
  namespace: [
    ({ client }) => client.create(namespaces, { metadata: { name: 'shop' }, spec: {} }),
    ({ client }) =>
      client.create(deployments, {
        metadata: { name: 'shop', namespace: 'shop' },
        spec: workload('shop', 2),
      }),
    ({ client }) => client.delete(namespaces, { name: 'shop' }),
  ],
  board: [
    ({ boards }) => boards.join('board-3'),
    patch(nodes, 'board-2', { spec: { taints: [{ key: 'repair', effect: 'NoExecute' }] } }),
    patch(nodes, 'board-2', { spec: { taints: null } }),
    ({ client }) => client.delete(nodes, { name: 'board-3' }),
  ],
  owners: [
    async ({ client }) => {
      const owner = await client.create(configmaps, { metadata: { name: 'owner', namespace: NAMESPACE } });
      const reference = { apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid: owner.metadata.uid ?? '' };
      await client.create(configmaps, {
        metadata: { name: 'owned', namespace: NAMESPACE, ownerReferences: [reference] },
      });
    },
    ({ client }) =>
      client.delete(configmaps, { namespace: NAMESPACE, name: 'owner' }, { propagationPolicy: 'Background' }),
  ],
  accounts: [
    // Its token is deleted where the account is not there yet.
    ({ client }) =>
      client
        .create(serviceaccounts, { metadata: { name: 'default', namespace: NAMESPACE } })
        .catch((err: unknown) => expect(isAlreadyExists(err)).toBe(true)),
    create(secrets, 'token', {
      metadata: {
        name: 'token',
        namespace: NAMESPACE,
        annotations: { 'kubernetes.io/service-account.name': 'default' },
      },
      type: 'kubernetes.io/service-account-token',
    }),
    ({ client }) =>
      client.create(clusterroles, {
        metadata: { name: 'sum' },
        rules: [],
        aggregationRule: { clusterRoleSelectors: [{ matchLabels: { to: 'sum' } }] },
      }),
    ({ client }) =>
      client.create(clusterroles, {
        metadata: { name: 'part', labels: { to: 'sum' } },
        rules: [{ verbs: ['get'], apiGroups: [''], resources: ['pods'] }],
      }),
  ],
};

function aJobSpec(app: string) {
  const { metadata, spec } = template(app, '1');
  return {
    parallelism: 1,
    completions: 1,
    backoffLimit: 6,
    completionMode: 'NonIndexed',
    selector: { matchLabels: { app } },
    template: { metadata, spec: { ...spec, restartPolicy: 'Never' } },
  };
}

const run = (client: ApiClient, clock: FakeClock, rng: () => number, signal: AbortSignal): Promise<void> =>
  startControllers({
    ingress: true,
    client,
    informers: new InformerFactory({ client, clock, log: silent, rng }),
    clock,
    log: silent,
    signal,
    issuer: { certificate: ca, key: caKey },
    caPem: 'PEM',
    clusterCidr: '10.42.0.0/16',
    serviceLb: true,
    reservedPorts: [],
    issueToken: async () => 'token',
    kinds: fixedKinds(resources),
    checkApiService: async () => {},
    boardStorage: new FakeBoardStorage(),
    rng,
  });

async function settle(client: MemoryClient): Promise<void> {
  for (let quiet = 0; quiet < 20; ) {
    const calls = client.calls.length;
    await turn();
    quiet = client.calls.length === calls ? quiet + 1 : 0;
  }
}

async function live(seed: number): Promise<{ state: unknown; rewrites: string[] }> {
  const rng = seeded(seed);
  const clock = new FakeClock();
  const client = new LaggingClient(() => clock.now(), rng);
  const flaky = new FlakyClient(client, rng);
  const boards = new Boards(client, () => clock.now());
  const stop = new AbortController();
  await client.create(namespaces, { metadata: { name: NAMESPACE }, spec: {} });
  for (const name of ['board-1', 'board-2']) await boards.join(name);
  await run(flaky, clock, rng, stop.signal);

  const pass = async (ms: number): Promise<void> => {
    await boards.beat();
    await clock.advance(ms);
    await settle(client);
  };
  const left = Object.values(STORIES).map((acts) => [...acts]);
  while (left.some((acts) => acts.length > 0)) {
    for (let i = Math.floor(rng() * 5); i > 0; i -= 1) await turn();
    const open = left.filter((acts) => acts.length > 0);
    const luck = rng();
    if (luck < 0.3) await open[Math.floor(rng() * open.length)]?.shift()?.({ client, boards });
    else if (luck < 0.95) await boards.step(rng);
    else await pass(1000);
  }
  flaky.calm = true;
  // Long enough for back-offs, quarantines, time to live and an autoscaler's looks.
  for (let quiet = 0, steps = 0; quiet < 30; steps += 1) {
    if (steps > 5000) throw new Error('does not converge');
    if (await boards.step(rng)) quiet = 0;
    else {
      await pass(5000);
      quiet += 1;
    }
  }
  const state = await snapshot(client);
  stop.abort();
  await settle(client);

  const again = new AbortController();
  const before = client.calls.length;
  await run(client, clock, rng, again.signal);
  await pass(1000);
  await pass(1000);
  again.abort();
  const rewrites = client.calls
    .slice(before)
    // Boards write their leases themselves.
    .filter(({ verb, resource }) => !['get', 'list', 'watch'].includes(verb) && resource !== 'leases')
    .map(({ verb, resource, key, subresource }) => `${verb} ${resource} ${key} ${subresource ?? ''}`);
  return { state, rewrites };
}

/** The cluster without what must differ: names that were drawn, times, addresses, who is where. */
async function snapshot(client: MemoryClient): Promise<unknown> {
  const list = async <T extends KubeObject>(resource: Resource<T>): Promise<T[]> =>
    (await client.list(resource)).items.filter(({ metadata }) => metadata.namespace !== 'kube-system');
  const conditions = (some: readonly { type: string; status: string; reason?: string | undefined }[] = []) =>
    some.map(({ type, status, reason }) => `${type} ${status} ${reason}`).sort();
  const ownerOf = (pod: Pod): string => {
    const owner = controllerOf(pod);
    const name = owner?.kind === 'ReplicaSet' ? owner.name.replace(/-[^-]+$/, '') : owner?.name;
    return `${owner?.kind} ${name}`;
  };
  const tally = (lines: readonly string[]): Record<string, number> => {
    const counts: Record<string, number> = {};
    for (const line of [...lines].sort()) counts[line] = (counts[line] ?? 0) + 1;
    return counts;
  };
  const all = await list(pods);
  const counted = ({
    conditions: said = [],
    ...status
  }: Record<string, unknown> & { conditions?: [] } = {}) => ({
    ...Object.fromEntries(Object.entries(status).filter(([, value]) => typeof value === 'number')),
    conditions: conditions(said),
  });
  // How often something was written, and whether a board took a Job's Pod with it.
  const generations = new Set(['observedGeneration', 'collisionCount', 'failed']);
  const status = (object: KubeObject & { status?: unknown }) => {
    const shown = counted(object.status as Record<string, unknown> | undefined);
    return Object.fromEntries(Object.entries(shown).filter(([field]) => !generations.has(field)));
  };
  const byName = async <T extends KubeObject>(resource: Resource<T>): Promise<Record<string, unknown>> =>
    Object.fromEntries((await list(resource)).map((one) => [one.metadata.name, status(one)]));
  return {
    pods: tally(
      // Ended ones are collected with their board.
      all
        .filter(({ status: s }) => s?.phase !== 'Succeeded')
        .map((pod) =>
          [
            ownerOf(pod),
            pod.spec.containers[0]?.image,
            pod.status?.phase,
            isPodActive(pod) && isPodReady(pod) ? 'ready' : '',
            pod.metadata.deletionTimestamp ? 'going' : '',
            pod.metadata.finalizers?.length ? 'held' : '',
          ].join(' '),
        ),
    ),
    named: all
      .map((pod) => pod.metadata.name)
      .filter((name) => name?.startsWith('db-'))
      .sort(),
    // Of the third one's Pod, which may be gone before its set hears that it is scaled away: that claim stays.
    claims: (await list(persistentvolumeclaims))
      .filter(({ metadata }) => metadata.name !== 'data-db-2')
      .map(({ metadata, spec, status: s }) => `${metadata.name} ${spec.volumeName} ${s?.phase}`)
      .sort(),
    volumes: (await list(persistentvolumes))
      .filter(({ metadata }) => metadata.name !== 'disk-2')
      .map(({ metadata, spec, status: s }) => `${metadata.name} ${spec.claimRef?.name} ${s?.phase}`)
      .sort(),
    replicaSets: (await list(replicasets))
      .map(({ spec }) => `${spec.template?.spec?.containers[0]?.image} ${spec.replicas}`)
      .sort(),
    deployments: await byName(deployments),
    controllers: await byName(replicationcontrollers),
    sets: await byName(statefulsets),
    daemons: await byName(daemonsets),
    jobs: await byName(jobs),
    cronJobs: await byName(cronjobs),
    budgets: await byName(poddisruptionbudgets),
    autoscalers: await byName(horizontalpodautoscalers),
    quotas: (await list(resourcequotas)).map(({ status: s }) => s?.used),
    addresses: (await list(endpoints)).map(({ metadata, subsets = [] }) => [
      metadata.name,
      metadata.labels,
      subsets.map(({ addresses = [], notReadyAddresses = [] }) => [
        addresses.length,
        notReadyAddresses.length,
      ]),
    ]),
    slices: (await list(endpointslices)).map(({ metadata, endpoints: some }) => [
      metadata.labels,
      some.map(({ conditions: c }) => `${c?.ready} ${c?.serving} ${c?.terminating}`),
    ]),
    namespaces: (await list(namespaces)).map(({ metadata }) => metadata.name).sort(),
    nodes: (await list(nodes)).map(({ metadata, spec }) => [
      metadata.name,
      spec.podCIDR !== undefined,
      spec.taints ?? [],
    ]),
    configMaps: (await list(configmaps))
      .map(({ metadata }) => `${metadata.namespace}/${metadata.name}`)
      .sort(),
    accounts: (await list(serviceaccounts))
      .map(({ metadata }) => `${metadata.namespace}/${metadata.name}`)
      .sort(),
    token: (await list(secrets)).map(({ data }) => Object.keys(data ?? {}).sort()),
    roles: (await list(clusterroles)).find(({ metadata }) => metadata.name === 'sum')?.rules,
  };
}

let first: unknown;
it.each(SEEDS)(
  'ends in one state whatever the order, and begins anew without a write: seed %i',
  async (seed) => {
    const { state, rewrites } = await live(seed);
    first ??= state;
    expect(state).toEqual(first);
    expect(rewrites).toEqual([]);
  },
);
