/**
 * What MQTT costs the control plane: 200 boards that publish every five seconds, a subscriber that reads and one that is
 * frozen, and somebody who asks the API while they publish and while they are silent, in turns, so that both see the same machine. For
 * each broker that the server can run.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { systemClock } from '#proto/meta/clock.ts';
import { issueCertificate } from '#proto/pki/certificate.ts';
import { generateKey, keyToPem, spkiOf } from '#proto/pki/key.ts';
import { toPem } from '#proto/pki/pem.ts';
import { HttpClient } from '#server/client/http-client.ts';
import { NOT_BEFORE_MS, openPki, type Pki } from '#server/pki/pki.ts';
import { createMqttUser } from '#server/telemetry/mqtt-users.ts';
import { cgroupsNamed, processesIn } from '../support/boards/cgroups.ts';
import { eventually } from '../support/boards/eventually.ts';
import { PREFIX } from '../support/boards/lan.ts';
import { Api, credentialsOf } from '../support/cluster/api.ts';
import { type Cluster, startCluster } from '../support/cluster/cluster.ts';
import type { LoadData, LoadOrder, LoadResult } from './mqtt-load.ts';
import { memoryOf, usageOf, withCommand } from './processes.ts';
import type { Progress } from './progress.ts';

const BOARDS = 200;
const EVERY_MS = 5_000;
const ROUNDS = 5;
/** Two periods of each board. */
const PHASE_MS = 10_000;
const CALLERS = 4;
const PAUSE_MS = 20;
const BOARD_PORT = 28_883;
const PASSWORD_PORT = 28_884;
const BROKERS = { managed: 'mosquitto', embedded: 'broker.mjs' } as const;

/** Takes some four minutes. Needs root, for the server's own LAN. */
export async function benchMqtt(progress: Progress) {
  const results: Record<string, unknown> = { boards: BOARDS, everyMs: EVERY_MS };
  for (const mode of Object.keys(BROKERS) as (keyof typeof BROKERS)[])
    results[mode] = await benchBroker(mode, (line) => progress(`${mode}: ${line}`));
  return results;
}

async function benchBroker(mode: keyof typeof BROKERS, progress: Progress) {
  progress('starting a server');
  const listen = [`127.0.0.1:${BOARD_PORT}`, `127.0.0.1:${PASSWORD_PORT}`];
  const cluster = await startCluster({
    boards: 0,
    serverFlags: [
      '--mqtt',
      mode,
      '--mqtt-listen',
      listen[0] ?? '',
      '--mqtt-password-listen',
      listen[1] ?? '',
    ],
  });
  const api = new Api(cluster.url, credentialsOf(cluster.kubeconfig), CALLERS);
  try {
    const load = await prepare(cluster, api);
    const server = () => [cluster.server.pid() ?? 0];
    const broker = () =>
      withCommand(cgroupsNamed(`${PREFIX}${cluster.lan.number}-server`).flatMap(processesIn), BROKERS[mode]);
    await sleep(10_000); // the server has told Home Assistant of all of them
    const worker = new Worker(new URL('./mqtt-load.ts', import.meta.url), { workerData: load });
    const outcome = new Promise<LoadResult>((resolve, reject) => {
      worker.on('message', (message: 'ready' | LoadResult) => message !== 'ready' && resolve(message));
      worker.once('error', reject);
    });
    await new Promise((resolve) => worker.once('message', resolve));
    const tell = (order: LoadOrder) => worker.postMessage(order);
    const silent: number[] = [];
    const publishing: number[] = [];
    const seconds = { broker: 0, server: 0 };
    for (let round = 1; round <= ROUNDS; round++) {
      progress(`round ${round} of ${ROUNDS}`);
      silent.push(...(await ask(api, PHASE_MS)));
      tell('publish');
      const [brokerBefore, serverBefore] = [usageOf(broker()).cpuSeconds, usageOf(server()).cpuSeconds];
      publishing.push(...(await ask(api, PHASE_MS)));
      seconds.broker += usageOf(broker()).cpuSeconds - brokerBefore;
      seconds.server += usageOf(server()).cpuSeconds - serverBefore;
      tell('pause');
    }
    const { residentBytes, proportionalBytes } = memoryOf(broker());
    tell('end');
    const messages = await outcome;
    await worker.terminate();
    const percent = (cpu: number) => Math.round((cpu / ((ROUNDS * PHASE_MS) / 1_000)) * 10_000) / 100;
    return {
      messages: { ...messages, lost: messages.published - messages.received },
      apiMs: { without: summary(silent), with: summary(publishing) },
      broker: { percentOfACore: percent(seconds.broker), residentBytes, proportionalBytes },
      serverPercentOfACore: percent(seconds.server),
    };
  } finally {
    api.close();
    await cluster.stop();
  }
}

/** Nodes, certificates as boards have them, and two users. */
async function prepare(cluster: Cluster, api: Api): Promise<LoadData> {
  const pki = openPki(join(cluster.lan.directory, 'server/server/pki'), {
    ...{ clusterDomain: 'cluster.local', serviceIp: '10.43.0.1', advertiseAddress: '127.0.0.1' },
    ...{ tlsSans: [], nodeName: 'server', now: Date.now },
  });
  const boards = Array.from({ length: BOARDS }, (_, index) => ({
    name: `bench-${index}`,
    ...boardCertificate(pki, `bench-${index}`),
  }));
  for (const { name } of boards) {
    const answer = await api.create('/api/v1/nodes', { apiVersion: 'v1', kind: 'Node', metadata: { name } });
    if (answer.status !== 201) throw new Error(answer.text);
  }
  const client = new HttpClient({ server: cluster.url, ...credentialsOf(cluster.kubeconfig) });
  const user = (name: string): Promise<string> => createMqttUser(client, name, 'read-only');
  const users = { healthy: await user('healthy'), frozen: await user('frozen') };
  client.close();
  await eventually(() => cluster.server.log().includes('connected to the MQTT broker') || undefined, {
    timeoutMs: 30_000,
  });
  await systemClock.sleep(2_000); // the broker knows of all
  const ports = { boardPort: BOARD_PORT, passwordPort: PASSWORD_PORT };
  return { boards, ca: pki.ca.cert, ...ports, users, everyMs: EVERY_MS };
}

function boardCertificate(pki: Pki, name: string): { readonly cert: string; readonly key: string } {
  const key = generateKey();
  const cert = issueCertificate(pki.ca.issuer, {
    subject: { commonName: `system:node:${name}`, organizations: ['system:nodes'] },
    spki: spkiOf(key),
    notBeforeMs: NOT_BEFORE_MS,
    notAfterMs: Date.now() + 3_600_000,
    usages: ['client'],
  });
  return { cert: toPem('CERTIFICATE', cert), key: keyToPem(key) };
}

/** How long answers take, one read and one write after the other, of a few clients. */
async function ask(api: Api, forMs: number): Promise<readonly number[]> {
  const end = performance.now() + forMs;
  const ms: number[] = [];
  const timed = async (work: () => Promise<{ readonly status: number; readonly text: string }>) => {
    const since = performance.now();
    const { status, text } = await work();
    if (status !== 200) throw new Error(text);
    ms.push(performance.now() - since);
    await sleep(PAUSE_MS);
  };
  await Promise.all(
    Array.from({ length: CALLERS }, async (_, caller) => {
      const path = `/api/v1/nodes/bench-${caller}`;
      for (let i = 0; performance.now() < end; i++) {
        await timed(() => api.send('GET', path));
        await timed(() =>
          api.send('PATCH', path, {
            contentType: 'application/merge-patch+json',
            body: JSON.stringify({ metadata: { labels: { bench: String(i) } } }),
          }),
        );
      }
    }),
  );
  return ms;
}

function summary(ms: readonly number[]) {
  const sorted = [...ms].sort((a, b) => a - b);
  const at = (share: number) => Math.round((sorted[Math.floor(sorted.length * share)] ?? 0) * 10) / 10;
  return { p50: at(0.5), p99: at(0.99), calls: ms.length };
}
