/**
 * Everything at once: whoever lists 5,000 Pods, 500 watchers of them, one client that changes a Pod twenty times a second,
 * and 64 clients that create as fast as they are answered. What counts is that no one starves, and what memory it takes.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Api, type ApiCredentials, credentialsOf } from '../support/cluster/api.ts';
import { startCluster } from '../support/cluster/cluster.ts';
import { memoryOf, summary, usageOf } from './processes.ts';
import type { Progress } from './progress.ts';

const PODS = 5_000;
const WATCHERS = 500;
const CREATORS = 64;
const DURATION_MS = 30_000;
const CHANGE_EVERY_MS = 50;
const PODS_PATH = '/api/v1/namespaces/default/pods';
const MAPS_PATH = '/api/v1/namespaces/default/configmaps';

export interface Storm {
  readonly pods: number;
  readonly watchers: number;
  readonly creators: number;
  /** What each creator got done: the least against the most shows who starves. */
  readonly createsEach: { readonly least: number; readonly median: number; readonly most: number };
  readonly createsPerSecond: number;
  readonly createMs: ReturnType<typeof summary>;
  readonly lists: { readonly count: number; readonly ms: ReturnType<typeof summary> };
  readonly deliveries: {
    readonly changes: number;
    /** Of all changes that all watchers should have seen. */
    readonly missed: number;
    readonly ms: ReturnType<typeof summary>;
  };
  readonly server: {
    readonly residentBytesBefore: number;
    readonly residentBytesMost: number;
    readonly residentBytesAfter: number;
    readonly cpuSeconds: number;
  };
}

/** On a server of its own, without boards; takes about a minute and a half. Needs root. */
export async function benchStorm(progress: Progress): Promise<Storm> {
  progress('starting a server');
  const cluster = await startCluster({ boards: 0 });
  try {
    progress(`${PODS} Pods, ${WATCHERS} watchers, ${CREATORS} creators`);
    const pids = () => {
      const pid = cluster.server.pid();
      return pid === undefined ? [] : [pid];
    };
    return await storm(cluster.url, credentialsOf(cluster.kubeconfig), pids);
  } finally {
    await cluster.stop();
  }
}

async function storm(
  url: string,
  credentials: ApiCredentials,
  pids: () => readonly number[],
): Promise<Storm> {
  const api = new Api(url, credentials, CREATORS);
  const watching = new Api(url, credentials, WATCHERS);
  const resident = () => memoryOf(pids()).residentBytes;
  const before = resident();
  await fill(api);

  const sentAt: number[] = [];
  const delays: number[] = [];
  const seen: number[] = Array.from({ length: WATCHERS }, () => 0);
  const stops: (() => void)[] = [];
  for (let watcher = 0; watcher < WATCHERS; watcher++) {
    const stop = await watching.watch<{ metadata: { labels?: { change?: string } } }>(
      `${PODS_PATH}?resourceVersion=0&labelSelector=change`,
      (type, { metadata }) => {
        const change = Number(metadata.labels?.change);
        if ((type !== 'ADDED' && type !== 'MODIFIED') || Number.isNaN(change)) return;
        seen[watcher] = (seen[watcher] ?? 0) + 1;
        delays.push(performance.now() - (sentAt[change] ?? 0));
      },
    );
    stops.push(stop);
  }

  let most = resident();
  const sampling = setInterval(() => {
    most = Math.max(most, resident());
  }, 250);
  const cpuBefore = usageOf(pids()).cpuSeconds;
  const until = performance.now() + DURATION_MS;
  const listMs: number[] = [];
  const createMs: number[] = [];
  const created: number[] = Array.from({ length: CREATORS }, () => 0);

  await Promise.all([
    change(api, sentAt, until),
    list(api, listMs, until),
    ...created.map((_, client) => create(api, client, created, createMs, until)),
  ]);
  await sleep(2_000); // what is on its way arrives
  clearInterval(sampling);
  const cpuSeconds = Math.round((usageOf(pids()).cpuSeconds - cpuBefore) * 10) / 10;
  for (const stop of stops) stop();

  await api.send('DELETE', `${MAPS_PATH}?labelSelector=bench%3Dstorm`);
  await api.send('DELETE', `${PODS_PATH}?gracePeriodSeconds=0&labelSelector=bench%3Dstorm`);
  await sleep(10_000);
  const after = resident();
  api.close();
  watching.close();

  const each = [...created].sort((a, b) => a - b);
  return {
    pods: PODS,
    watchers: WATCHERS,
    creators: CREATORS,
    createsEach: { least: each[0] ?? 0, median: each[CREATORS / 2] ?? 0, most: each.at(-1) ?? 0 },
    createsPerSecond: Math.round(each.reduce((sum, one) => sum + one, 0) / (DURATION_MS / 1000)),
    createMs: summary(createMs),
    lists: { count: listMs.length, ms: summary(listMs) },
    deliveries: {
      changes: sentAt.length,
      missed: seen.reduce((sum, one) => sum + sentAt.length - one, 0),
      ms: summary(delays),
    },
    server: {
      residentBytesBefore: before,
      residentBytesMost: most,
      residentBytesAfter: after,
      cpuSeconds,
    },
  };
}

async function fill(api: Api): Promise<void> {
  let next = 0;
  const one = async (): Promise<void> => {
    for (let number = next++; number < PODS; number = next++)
      await created(api, PODS_PATH, {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: `storm-${number}`, labels: { bench: 'storm' } },
        // No one places them: only the API is asked.
        spec: {
          schedulerName: 'nobody',
          containers: [{ name: 'main', image: 'coracle.local/hello:1', env: env() }],
        },
      });
  };
  await Promise.all(Array.from({ length: CREATORS }, one));
}

/** Makes a Pod as long as those of real life: some 1.5 KB. */
const env = () => Array.from({ length: 10 }, (_, i) => ({ name: `SETTING_${i}`, value: 'v'.repeat(32) }));

async function change(api: Api, sentAt: number[], until: number): Promise<void> {
  for (let number = 0; performance.now() < until; number++) {
    sentAt.push(performance.now());
    const answer = await api.send('PATCH', `${PODS_PATH}/storm-0`, {
      contentType: 'application/merge-patch+json',
      body: JSON.stringify({ metadata: { labels: { change: String(number) } } }),
    });
    if (answer.status !== 200) throw new Error(`patch: ${answer.text}`);
    await sleep(CHANGE_EVERY_MS);
  }
}

async function list(api: Api, ms: number[], until: number): Promise<void> {
  while (performance.now() < until) {
    const since = performance.now();
    const answer = await api.send('GET', PODS_PATH);
    if (answer.status !== 200) throw new Error(`list: ${answer.status}`);
    ms.push(performance.now() - since);
    await sleep(200);
  }
}

async function create(api: Api, client: number, done: number[], ms: number[], until: number): Promise<void> {
  for (let number = 0; performance.now() < until; number++) {
    const since = performance.now();
    await created(api, MAPS_PATH, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: `storm-${client}-${number}`, labels: { bench: 'storm' } },
      data: { text: 'x'.repeat(512) },
    });
    ms.push(performance.now() - since);
    done[client] = number + 1;
  }
}

async function created(api: Api, path: string, object: unknown): Promise<void> {
  const answer = await api.create(path, object);
  if (answer.status !== 201) throw new Error(`create: ${answer.text}`);
}
