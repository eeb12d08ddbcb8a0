/**
 * What a cluster costs: five real agents on virtual boards, a server on this machine, 50 real Pods. Needs root and some
 * 6 minutes. Where others share the machine, believe ratios: what is sensitive to that is taken in turns with its
 * floor, or comes with the CPU time that it took.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cgroupsNamed, processesIn } from '../support/boards/cgroups.ts';
import { PREFIX } from '../support/boards/lan.ts';
import { Api, credentialsOf } from '../support/cluster/api.ts';
import { type Cluster, startCluster } from '../support/cluster/cluster.ts';
import { apply, helloDeployment } from '../support/cluster/manifests.ts';
import { budgets } from './budgets.ts';
import { createsPerSecond } from './creates.ts';
import { deviceSyncMs } from './device-sync.ts';
import { CriFloor, podStartMs } from './pod-start.ts';
import { memoryOf, summary, usageOf, withCommand } from './processes.ts';
import type { Progress } from './progress.ts';

const NODES = 5;
const PODS = 50;
const SAMPLES = 21;
const STARTS = 3;
const IDLE_MS = 60_000;
/** Agents whose session lived this long reconnect without delay. */
const SETTLED_MS = 12_000;

/** Programs of the cluster, in this machine's numbering. */
function programs(cluster: Cluster): { server: readonly number[]; agents: readonly (readonly number[])[] } {
  const serverGroups = cgroupsNamed(`${PREFIX}${cluster.lan.number}-server`);
  return {
    server: serverGroups.flatMap((name) => withCommand(processesIn(name), 'coracle.mjs', 'server')),
    agents: cluster.boards.map((board) => withCommand(processesIn(board.cgroup), 'coracle.mjs', 'agent')),
  };
}

/** Memory now, CPU and writes over one minute in which nobody asks for anything. */
async function idle(cluster: Cluster) {
  await sleep(20_000); // what was started settles
  const { server, agents } = programs(cluster);
  const everyone = [server, ...agents];
  const before = everyone.map(usageOf);
  await sleep(IDLE_MS);
  const costs = everyone.map((pids, index) => {
    const after = usageOf(pids);
    return {
      ...memoryOf(pids),
      cpuSecondsPerMinute: Math.round((after.cpuSeconds - (before[index]?.cpuSeconds ?? 0)) * 100) / 100,
      writtenBytesPerMinute: after.writtenBytes - (before[index]?.writtenBytes ?? 0),
    };
  });
  return { server: costs[0], agents: costs.slice(1) };
}

/** From exec to /readyz and to the first new Pod Running, with the boards waiting to reconnect. */
async function serverStart(cluster: Cluster) {
  const readyz: number[] = [];
  const firstPod: number[] = [];
  for (let i = 0; i < STARTS; i++) {
    await sleep(SETTLED_MS);
    await cluster.server.stop();
    const api = new Api(cluster.url, credentialsOf(cluster.kubeconfig));
    const since = performance.now();
    cluster.server.launch();
    for (;;) {
      const answer = await api.send('GET', '/readyz').catch(() => undefined);
      if (answer?.status === 200) break;
      if (performance.now() - since > 60_000)
        throw new Error(`no /readyz within 60 s\n${cluster.server.log()}`);
      await sleep(5);
    }
    const ready = performance.now() - since;
    readyz.push(ready);
    const [board] = cluster.boards;
    if (board) firstPod.push(ready + (await podStartMs(api, board)));
    api.close();
  }
  return { toReadyz: summary(readyz), toFirstPodRunning: summary(firstPod) };
}

async function podStart(cluster: Cluster) {
  const [board] = cluster.boards;
  if (!board) throw new Error('no board');
  const api = new Api(cluster.url, credentialsOf(cluster.kubeconfig));
  using cri = new CriFloor(board);
  const floor: number[] = [];
  const pods: number[] = [];
  // Connections, caches and code are warm after one of each.
  await cri.startMs();
  await podStartMs(api, board);
  // In turns, so that both see the same machine.
  for (let i = 0; i < SAMPLES; i++) {
    await sleep(500);
    floor.push(await cri.startMs());
    await sleep(500);
    pods.push(await podStartMs(api, board));
  }
  api.close();
  const [floorSummary, podSummary] = [summary(floor), summary(pods)];
  return {
    criFloor: floorSummary,
    pod: podSummary,
    medianAboveFloorMs: Math.round((podSummary.medianMs - floorSummary.medianMs) * 10) / 10,
    medianOfPairsMs: summary(pods.map((ms, i) => ms - (floor[i] ?? 0))).medianMs,
  };
}

/** Thrice each, in turns: the best is what the server can do, the CPU time is what it costs whoever else is busy. */
async function creates(cluster: Cluster) {
  const credentials = credentialsOf(cluster.kubeconfig);
  const runs = {
    1: [] as { perSecond: number; cpu: number }[],
    64: [] as { perSecond: number; cpu: number }[],
  };
  for (let i = 0; i < 3; i++)
    for (const clients of [1, 64] as const) {
      const { server } = programs(cluster);
      const before = usageOf(server).cpuSeconds;
      const { created, perSecond, clear } = await createsPerSecond(cluster.url, credentials, clients);
      runs[clients].push({ perSecond, cpu: (usageOf(server).cpuSeconds - before) / created });
      await clear();
    }
  const of = (all: { perSecond: number; cpu: number }[]) => ({
    perSecond: all.map((run) => run.perSecond),
    serverCpuMsEach: summary(all.map((run) => run.cpu * 1000)).medianMs,
  });
  return {
    oneClient: of(runs[1]),
    sixtyFourClients: of(runs[64]),
    deviceSync: summary(deviceSyncMs(cluster.lan.directory)),
  };
}

export async function benchCluster(progress: Progress) {
  progress(`starting a server and ${NODES} boards`);
  const cluster = await startCluster({ boards: NODES });
  try {
    progress('idle, without Pods');
    const idleWithoutPods = await idle(cluster);
    progress('Pod start against the CRI floor');
    const start = await podStart(cluster);
    progress('creates');
    const durableCreates = await creates(cluster);
    progress('server start');
    const restart = await serverStart(cluster);
    progress(`idle, with ${PODS} Pods`);
    await apply(cluster, helloDeployment('load', PODS));
    await cluster.readyPods('app=load', PODS, 180_000);
    const idleWithPods = await idle(cluster);
    const sizes = join(import.meta.dirname, '../../dist/sizes.json');
    const results = {
      nodes: NODES,
      pods: PODS,
      idleWithoutPods,
      idleWithPods,
      serverStart: restart,
      podStart: start,
      durableCreates,
      bundles: existsSync(sizes) ? JSON.parse(readFileSync(sizes, 'utf8')) : [],
    };
    return { budgets: budgets(results), ...results };
  } catch (err) {
    process.stderr.write(`${cluster.logs()}\n`);
    throw err;
  } finally {
    await cluster.stop();
  }
}
