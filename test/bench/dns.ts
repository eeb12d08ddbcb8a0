/**
 * Cluster DNS under load: one process answers, this one asks, over UDP on loopback. As many queries as it takes with a window of
 * outstanding ones, then ten thousand a second for how long an answer takes when the server is not drowned.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { aQuery } from '#agent/net/dns/fixtures.ts';
import { TYPE } from '#proto/dns/message.plan.ts';
import { usageOf } from './processes.ts';
import type { Progress } from './progress.ts';

const SERVICES = 1_000;
const WINDOW = 64;
const SECONDS = 5;
const RATE = 10_000;
const MAX_BURST = 100;
const LIMIT = { queriesPerSecond: 10_000, cpuMicroseconds: 100 } as const;

/** What Pods ask: mostly a Service, now and then all addresses of a headless one, and what search paths make of other names. */
const QUERIES = Array.from({ length: 1_000 }, (_, i) => {
  if (i % 10 === 8) return aQuery('headless.default.svc.cluster.local', TYPE.A, { edns: 1232 });
  if (i % 10 === 9) return aQuery(`example${i}.org.default.svc.cluster.local`, TYPE.A);
  return aQuery(`s${i}.default.svc.cluster.local`, i % 2 ? TYPE.A : TYPE.AAAA, { edns: 1232 });
});

interface Load {
  readonly answered: number;
  readonly lost: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly latencyMs: { readonly median: number; readonly p99: number };
}

export async function benchDns(progress: Progress) {
  const child = spawn(
    process.execPath,
    [new URL('./dns-child.ts', import.meta.url).pathname, `${SERVICES}`],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  try {
    const [told] = (await once(child.stdout, 'data')) as [Buffer];
    const port = Number(told.toString());
    await load(child, port, 'window', 1);
    progress(`${WINDOW} queries at a time, ${SECONDS} s`);
    const full = await load(child, port, 'window', SECONDS);
    progress(`${RATE} queries a second, ${SECONDS} s`);
    const steady = await load(child, port, 'rate', SECONDS);
    const perSecond = Math.round(full.answered / full.seconds);
    // What one core would do were it this process's alone: others use the machine too.
    const perCpuSecond = Math.round(full.answered / full.cpuSeconds);
    const cpuMicroseconds = Math.round((full.cpuSeconds / full.answered) * 1e7) / 10;
    const budget = (limit: number, measured: number, met: boolean) => ({ limit, measured, met });
    return {
      services: SERVICES,
      queriesPerSecond: perSecond,
      queriesPerCpuSecond: perCpuSecond,
      cpuMicrosecondsPerQuery: cpuMicroseconds,
      latencyMs: full.latencyMs,
      atTenThousandASecond: {
        answeredPerSecond: Math.round(steady.answered / steady.seconds),
        lost: steady.lost,
        latencyMs: steady.latencyMs,
        cpuShare: Math.round((steady.cpuSeconds / steady.seconds) * 100) / 100,
      },
      budgets: {
        'queries a second on one core': budget(
          LIMIT.queriesPerSecond,
          perCpuSecond,
          perCpuSecond >= LIMIT.queriesPerSecond,
        ),
        'CPU a query, microseconds': budget(
          LIMIT.cpuMicroseconds,
          cpuMicroseconds,
          cpuMicroseconds <= LIMIT.cpuMicroseconds,
        ),
      },
    };
  } finally {
    child.kill('SIGKILL');
  }
}

async function load(
  child: ChildProcess,
  port: number,
  how: 'window' | 'rate',
  seconds: number,
): Promise<Load> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20 });
  await new Promise<void>((resolve) => socket.connect(port, '127.0.0.1', resolve));
  const sentAt = new Float64Array(65_536);
  const latencies: number[] = [];
  let sent = 0;
  const ask = (): void => {
    const query = Buffer.from(QUERIES[sent % QUERIES.length] as Uint8Array);
    const id = sent++ & 0xffff;
    query.writeUInt16BE(id, 0);
    sentAt[id] = performance.now();
    socket.send(query);
  };
  const pids = [child.pid ?? 0];
  const cpu = usageOf(pids).cpuSeconds;
  const since = performance.now();
  const until = since + seconds * 1_000;
  socket.on('message', (answer) => {
    latencies.push(performance.now() - (sentAt[answer.readUInt16BE(0)] ?? 0));
    if (how === 'window' && performance.now() < until) ask();
  });
  if (how === 'window') for (let i = 0; i < WINDOW; i++) ask();
  await (how === 'window'
    ? windowed(until, () => latencies.length, ask)
    : paced(until, since, () => sent, ask));
  await new Promise((resolve) => setTimeout(resolve, 100));
  const took = (performance.now() - since) / 1_000;
  const cpuSeconds = usageOf(pids).cpuSeconds - cpu;
  close(socket);
  latencies.sort((a, b) => a - b);
  const at = (share: number) =>
    Math.round((latencies[Math.floor(latencies.length * share)] ?? 0) * 100) / 100;
  return {
    answered: latencies.length,
    lost: sent - latencies.length,
    seconds: took,
    cpuSeconds,
    latencyMs: { median: at(0.5), p99: at(0.99) },
  };
}

const close = (socket: Socket): void => void socket.close();

/** Answers ask for more; should datagrams be lost, the window is filled again. */
async function windowed(until: number, answered: () => number, ask: () => void): Promise<void> {
  let before = -1;
  while (performance.now() < until) {
    if (answered() === before) for (let i = 0; i < WINDOW; i++) ask();
    before = answered();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function paced(until: number, since: number, sent: () => number, ask: () => void): Promise<void> {
  const before = sent();
  while (performance.now() < until) {
    const due = ((performance.now() - since) / 1_000) * RATE;
    // Late by more than that, the missing ones are left out: a flood of them would measure something else.
    for (let burst = 0; sent() - before < due && burst < MAX_BURST; burst++) ask();
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
