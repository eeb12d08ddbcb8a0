/**
 * What MQTT costs the control plane: 200 boards that publish every five seconds, a subscriber that reads and one that is
 * frozen, and somebody who asks the API all the while, before, during and after. For each broker that the server can run.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { systemClock } from '#proto/meta/clock.ts';
import { issueCertificate } from '#proto/pki/certificate.ts';
import { generateKey, keyToPem, spkiOf } from '#proto/pki/key.ts';
import { toPem } from '#proto/pki/pem.ts';
import { NOT_BEFORE_MS, openPki, type Pki } from '#server/pki/pki.ts';
import { cgroupsNamed, processesIn } from '../support/boards/cgroups.ts';
import { eventually } from '../support/boards/eventually.ts';
import { PREFIX } from '../support/boards/lan.ts';
import { Api, credentialsOf } from '../support/cluster/api.ts';
import { type Cluster, CORACLE, startCluster } from '../support/cluster/cluster.ts';
import type { LoadData, LoadResult } from './mqtt-load.ts';
import { memoryOf, usageOf, withCommand } from './processes.ts';
import type { Progress } from './progress.ts';

const BOARDS = 200;
const EVERY_MS = 5_000;
const QUIET_MS = 20_000;
const LOAD_MS = 40_000;
const CALLERS = 4;
const PAUSE_MS = 20;
const BOARD_PORT = 28_883;
const PASSWORD_PORT = 28_884;
const BROKERS = { managed: 'mosquitto', embedded: 'broker.mjs' } as const;
const run = promisify(execFile);

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
    progress('asking the API, nobody publishes');
    const before = await ask(api, QUIET_MS);
    progress(`${BOARDS} boards publish`);
    const worker = new Worker(new URL('./mqtt-load.ts', import.meta.url), { workerData: load });
    const outcome = new Promise<LoadResult>((resolve, reject) => {
      worker.on('message', (message: 'ready' | LoadResult) => message !== 'ready' && resolve(message));
      worker.once('error', reject);
    });
    await new Promise((resolve) => worker.once('message', resolve));
    const [brokerBefore, serverBefore] = [usageOf(broker()).cpuSeconds, usageOf(server()).cpuSeconds];
    const during = await ask(api, LOAD_MS);
    const percent = (seconds: number) => Math.round((seconds / (LOAD_MS / 1_000)) * 10_000) / 100;
    const costs = {
      brokerPercentOfACore: percent(usageOf(broker()).cpuSeconds - brokerBefore),
      brokerResidentBytes: memoryOf(broker()).residentBytes,
      brokerProportionalBytes: memoryOf(broker()).proportionalBytes,
      serverPercentOfACore: percent(usageOf(server()).cpuSeconds - serverBefore),
    };
    const messages = await outcome;
    await worker.terminate();
    progress('asking the API, nobody publishes any more');
    await sleep(10_000); // wills are said, and heard
    const after = await ask(api, QUIET_MS);
    return {
      messages: { ...messages, lost: messages.published - messages.received },
      apiMs: { before: summary(before), during: summary(during), after: summary(after) },
      ...costs,
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
  const user = async (name: string): Promise<string> => {
    const [program = '', ...args] = CORACLE;
    const flags = ['mqtt', 'user', 'create', name, '--kubeconfig', cluster.kubeconfig];
    return (await run(program, [...args, ...flags])).stdout.trim();
  };
  const users = { healthy: await user('healthy'), frozen: await user('frozen') };
  await eventually(() => cluster.server.log().includes('connected to the MQTT broker') || undefined, {
    timeoutMs: 30_000,
  });
  await systemClock.sleep(2_000); // the broker knows of all
  const ports = { boardPort: BOARD_PORT, passwordPort: PASSWORD_PORT };
  return { boards, ca: pki.ca.cert, ...ports, users, everyMs: EVERY_MS, forMs: LOAD_MS };
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
