/**
 * What a thousand Services cost a board: to add one more beside a replacement of the whole table, and for each connection that goes
 * through a Service beside one that goes straight. In a kernel of this machine, in network namespaces: needs root, no boards.
 */
import { anInput, aService, aSlice } from '#agent/net/services/fixtures.ts';
import { ServiceProxy } from '#agent/net/services/service-proxy.ts';
import { systemClock } from '#proto/meta/clock.ts';
import { silent } from '#proto/meta/log.ts';
import type { Service } from '#proto/schema/generated/core-v1.ts';
import type { EndpointSlice } from '#proto/schema/generated/discovery-v1.ts';
import { ServiceLab } from '../support/boards/service-lab.ts';
import { must } from '../support/boards/shell.ts';
import { summary, usageOf } from './processes.ts';
import type { Progress } from './progress.ts';

const SERVICES = 1_000;
const ENDPOINTS = 5;
const CHANGES = 20;
const REPLACES = 5;
const CONNECTIONS = 3_000;
const LIMITS = { changeMs: 150, changeCpuMs: 60, connectionMicroseconds: 25 } as const;

/** The first Service has one real endpoint, Pod b of the lab. */
const aServiceOf = (i: number): Service =>
  aService(`s${i}`, { type: 'NodePort', clusterIP: `10.43.${i >> 8}.${i & 255}` });
const aSliceOf = (i: number, first = 2): EndpointSlice =>
  aSlice(
    `s${i}`,
    i === 0
      ? ['10.42.1.3@pi']
      : Array.from({ length: ENDPOINTS }, (_, e) => `10.42.${e + 10}.${((i + e) % 250) + first}@pi${e}`),
  );

interface Cost {
  readonly ms: ReturnType<typeof summary>;
  /** The mean, of this process and of the programs that it started. */
  readonly cpuMs: number;
}

async function measure(times: number, one: (i: number) => Promise<void>): Promise<Cost> {
  const samples: number[] = [];
  // Linux tells the CPU time of children in hundredths of a second: many changes make one figure.
  const before = usageOf([process.pid]).cpuSeconds;
  for (let i = 0; i < times; i++) {
    const since = performance.now();
    await one(i);
    samples.push(performance.now() - since);
  }
  const cpuMs = ((usageOf([process.pid]).cpuSeconds - before) * 1000) / times;
  return { ms: summary(samples), cpuMs: Math.round(cpuMs * 10) / 10 };
}

/** Connects by turns straight and through the Service; microseconds, sorted. */
const CONNECT = `
const { connect } = require('node:net');
const [direct, service, count] = process.argv.slice(1);
const took = { direct: [], service: [] };
const one = (to) => new Promise((resolve, reject) => {
  const [host, port] = to.split('/');
  const since = process.hrtime.bigint();
  const socket = connect(Number(port), host);
  socket.on('error', reject);
  socket.on('connect', () => { const us = Number(process.hrtime.bigint() - since) / 1000; socket.resume(); socket.on('close', () => resolve(us)); });
});
(async () => {
  for (let i = 0; i < Number(count); i++) { took.direct.push(await one(direct)); took.service.push(await one(service)); }
  const at = (list, share) => list.sort((a, b) => a - b)[Math.floor(list.length * share)];
  const told = (list) => ({ p10: at(list, 0.1), median: at(list, 0.5), p90: at(list, 0.9) });
  console.log(JSON.stringify({ direct: told(took.direct), service: told(took.service) }));
})();`;

interface Spread {
  readonly p10: number;
  readonly median: number;
  readonly p90: number;
}

export async function benchServices(progress: Progress) {
  const lab = new ServiceLab(`coracle-n${process.pid}-`);
  try {
    await lab.open();
    return await measureAll(lab, progress);
  } finally {
    await lab.close();
  }
}

async function measureAll(lab: ServiceLab, progress: Progress) {
  const services = Array.from({ length: SERVICES }, (_, i) => aServiceOf(i));
  const slices = Array.from({ length: SERVICES }, (_, i) => aSliceOf(i));
  const observe = () => anInput([...services], [...slices], { bridgeFiltered: lab.bridgeFiltered });
  const proxyOf = () => new ServiceProxy({ observe, run: lab.run, clock: systemClock, log: silent });

  progress(`${SERVICES} services, the whole table`);
  const whole = await measure(REPLACES, () => proxyOf().apply());
  const proxy = proxyOf();
  await proxy.apply();
  progress('one more, and one less, and other endpoints');
  const add = await measure(CHANGES, async (i) => {
    services.push(aServiceOf(SERVICES + i));
    slices.push(aSliceOf(SERVICES + i));
    await proxy.apply();
  });
  const change = await measure(CHANGES, async (i) => {
    slices[i + 1] = aSliceOf(i + 1, 3);
    await proxy.apply();
  });
  const remove = await measure(CHANGES, async () => {
    services.pop();
    slices.pop();
    await proxy.apply();
  });
  const idle = await measure(CHANGES, () => proxy.apply());

  progress('connections from a Pod to a Pod, straight and through a Service');
  const connect = lab.inside('a', [
    process.execPath,
    '-e',
    CONNECT,
    '10.42.1.3/8080',
    '10.43.0.0/80',
    `${CONNECTIONS}`,
  ]);
  const { direct, service } = JSON.parse(await must(connect)) as { direct: Spread; service: Spread };
  const extra = Math.round((service.median - direct.median) * 10) / 10;

  const budget = (limit: number, measured: number) => ({ limit, measured, met: measured <= limit });
  return {
    services: SERVICES,
    endpointsEach: ENDPOINTS,
    bridgeFiltered: lab.bridgeFiltered,
    whole,
    ...{ add, change, remove, idle },
    connectionMicroseconds: { direct, service, extra },
    budgets: {
      'adding one, ms': budget(LIMITS.changeMs, add.ms.medianMs),
      'adding one, ms of CPU': budget(LIMITS.changeCpuMs, add.cpuMs),
      'a connection through a Service, more microseconds': budget(LIMITS.connectionMicroseconds, extra),
    },
  };
}
