/**
 * What Pods cost a board: 40 started at once against the same 40 through bare CRI, in turns; one probe a second on each; and
 * 20 that idle for ten minutes. Needs root and some 20 minutes.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Gate } from '#agent/pod/gate.ts';
import { ContainerdRuntime } from '#agent/runtime/containerd/driver.ts';
import { aContainer, aSandbox } from '#agent/runtime/fake/configs.ts';
import type { Container, Pod } from '#proto/schema/generated/core-v1.ts';
import type { Board } from '../support/boards/board.ts';
import { cpuSecondsOf, processesIn } from '../support/boards/cgroups.ts';
import { eventually } from '../support/boards/eventually.ts';
import { Api, credentialsOf } from '../support/cluster/api.ts';
import { startCluster } from '../support/cluster/cluster.ts';
import { memoryOf, usageOf, withCommand } from './processes.ts';
import type { Progress } from './progress.ts';

const PODS = 40;
const TURNS = 3;
/** What an agent starts at a time, and so the bare client too. */
const AT_A_TIME = 4;
const PROBED_MS = 60_000;
const IDLE_PODS = 20;
const IDLE_MS = 10 * 60_000;
const IMAGE = 'coracle.local/hello:1';
const PATH = '/api/v1/namespaces/default/pods';
const LIMITS = { startRatio: 1.25, probesPercentOfACore: 2 };

export async function benchBoard(progress: Progress) {
  progress('starting one board');
  const cluster = await startCluster({ boards: 1 });
  const api = new Api(cluster.url, credentialsOf(cluster.kubeconfig));
  try {
    const board = cluster.board('board-1');
    const parts = { probes, start: starts, idle };
    const results: Record<string, unknown> = { pods: PODS, limits: LIMITS };
    for (const [name, measure] of Object.entries(parts)) {
      results[name] = await measure(api, board, progress);
      // It is long: what is known is said, whatever comes after it.
      progress(`${name}: ${JSON.stringify(results[name])}`);
    }
    return results;
  } finally {
    api.close();
    await cluster.stop();
  }
}

async function starts(api: Api, board: Board, progress: Progress) {
  const bare: number[] = [];
  const ours: number[] = [];
  for (let turn = 1; turn <= TURNS; turn++) {
    progress(`${PODS} Pods at once, turn ${turn} of ${TURNS}`);
    bare.push(await bareCpuSeconds(board));
    await sleep(3_000);
    const before = cpuSecondsOf(board.cgroup);
    await createPods(api, PODS);
    ours.push(cpuSecondsOf(board.cgroup) - before);
    await deletePods(api);
    await sleep(3_000);
  }
  const middle = (values: readonly number[]) => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;
  const round = (value: number) => Math.round(value * 100) / 100;
  return {
    bareCpuSeconds: bare.map(round),
    cpuSeconds: ours.map(round),
    ratio: round(middle(ours) / middle(bare)),
  };
}

/** The board's CPU time for the same sandboxes and containers, with nothing of Kubernetes around them. */
async function bareCpuSeconds(board: Board): Promise<number> {
  const runtime = new ContainerdRuntime(board.containerdSocket);
  const gate = new Gate(AT_A_TIME);
  const ids: string[] = [];
  const signal = (name: NodeJS.Signals) => agentOf(board).forEach((pid) => void process.kill(pid, name));
  // It removes what nobody wants, and would see to it amid this where the machine is slow.
  signal('SIGSTOP');
  try {
    const before = cpuSecondsOf(board.cgroup);
    const start = () =>
      gate.run(async () => {
        const sandbox = aSandbox({ name: `floor-${randomUUID()}`, uid: randomUUID() });
        const id = await runtime.runSandbox(sandbox);
        ids.push(id);
        await runtime.startContainer(
          await runtime.createContainer(id, aContainer({ image: IMAGE }), sandbox),
        );
      });
    await Promise.all(Array.from({ length: PODS }, start));
    return cpuSecondsOf(board.cgroup) - before;
  } finally {
    for (const id of ids) {
      await runtime.stopSandbox(id);
      await runtime.removeSandbox(id);
    }
    signal('SIGCONT');
    runtime[Symbol.dispose]();
  }
}

async function createPods(api: Api, count: number, container: Partial<Container> = {}): Promise<void> {
  for (let n = 0; n < count; n++) {
    const answer = await api.create(PATH, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: `pod-${n}` },
      spec: {
        nodeName: 'board-1',
        terminationGracePeriodSeconds: 0,
        automountServiceAccountToken: false,
        containers: [{ name: 'main', image: IMAGE, imagePullPolicy: 'IfNotPresent', ...container }],
      },
    });
    if (answer.status !== 201) throw new Error(answer.text);
  }
  await eventually(
    async () => {
      const { items } = (await api.send('GET', PATH)).json<{ items: Pod[] }>();
      return items.every(({ status }) =>
        status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True'),
      );
    },
    { timeoutMs: 180_000, intervalMs: 100 },
  );
}

async function deletePods(api: Api): Promise<void> {
  await api.send('DELETE', PATH);
  await eventually(async () => (await api.send('GET', PATH)).json<{ items: Pod[] }>().items.length === 0, {
    timeoutMs: 120_000,
    intervalMs: 200,
  });
}

const agentOf = (board: Board) => withCommand(processesIn(board.cgroup), 'coracle.mjs', 'agent');

/** The agent's CPU time with 40 Pods, with a probe a second on each, less what it takes without. */
async function probes(api: Api, board: Board, progress: Progress) {
  const percent = async (what: string, container: Partial<Container>): Promise<number> => {
    progress(`${PODS} Pods with ${what} for ${PROBED_MS / 1000} s`);
    await createPods(api, PODS, container);
    await sleep(10_000);
    const before = usageOf(agentOf(board)).cpuSeconds;
    await sleep(PROBED_MS);
    const used = usageOf(agentOf(board)).cpuSeconds - before;
    await deletePods(api);
    return Math.round((used / (PROBED_MS / 1000)) * 10_000) / 100;
  };
  const probed = (livenessProbe: object) =>
    ({ livenessProbe: { ...livenessProbe, periodSeconds: 1 } }) as Partial<Container>;
  const none = await percent('no probe', {});
  const http = await percent('http probes', probed({ httpGet: { path: '/healthz', port: 8080 } }));
  const tcp = await percent('tcp probes', probed({ tcpSocket: { port: 8080 } }));
  const less = (value: number) => Math.round((value - none) * 100) / 100;
  return { percentOfACore: { none, http, tcp }, httpPercent: less(http), tcpPercent: less(tcp) };
}

async function idle(api: Api, board: Board, progress: Progress) {
  progress(`${IDLE_PODS} Pods idle for ${IDLE_MS / 60_000} minutes`);
  await createPods(api, IDLE_PODS);
  await sleep(30_000);
  const first = { ...memoryOf(agentOf(board)), ...usageOf(agentOf(board)) };
  await sleep(IDLE_MS);
  const last = { ...memoryOf(agentOf(board)), ...usageOf(agentOf(board)) };
  await deletePods(api);
  const mib = (bytes: number) => Math.round((bytes / 2 ** 20) * 10) / 10;
  return {
    residentMiB: { before: mib(first.residentBytes), after: mib(last.residentBytes) },
    cpuSecondsPerMinute: Math.round(((last.cpuSeconds - first.cpuSeconds) / (IDLE_MS / 60_000)) * 100) / 100,
    writtenKiBPerMinute: Math.round((last.writtenBytes - first.writtenBytes) / 1024 / (IDLE_MS / 60_000)),
  };
}
