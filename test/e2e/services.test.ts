/** The table of Services in a real kernel: a board with two Pods on its bridge and a client on its LAN, in namespaces of their own. */
import { spawn } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { IPV6 } from '#agent/net/services/family.ts';
import { anInput, aService, aSlice } from '#agent/net/services/fixtures.ts';
import { ServiceProxy } from '#agent/net/services/service-proxy.ts';
import type { ServicesInput } from '#agent/net/services/services.plan.ts';
import { systemClock } from '#proto/meta/clock.ts';
import { silent } from '#proto/meta/log.ts';
import { eventually } from '../support/boards/eventually.ts';
import { ServiceLab } from '../support/boards/service-lab.ts';
import { command, must } from '../support/boards/shell.ts';

const lab = new ServiceLab(`coracle-s${process.pid}-`);
const { inside, run } = lab;
const tcp = lab.tcp.bind(lab);
const udp = lab.udp.bind(lab);
let wanted: ServicesInput = anInput([], []);
const proxy = new ServiceProxy({ observe: () => wanted, run, clock: systemClock, log: silent });
const apply = (services: ServicesInput['services'], slices: ServicesInput['slices']): Promise<void> => {
  wanted = anInput(services, slices, { bridgeFiltered: lab.bridgeFiltered });
  return proxy.apply();
};

beforeAll(() => lab.open());
afterAll(() => lab.close());

async function times<T>(count: number, ask: () => Promise<T>): Promise<Set<T>> {
  const answers = new Set<T>();
  for (let i = 0; i < count; i++) answers.add(await ask());
  return answers;
}

/** One socket that asks again and again. */
const TALKER = `
const socket = require('node:dgram').createSocket('udp4');
socket.on('message', (text) => process.stdout.write(text));
socket.on('error', () => {});
socket.bind(5000, () => setInterval(() => socket.send('hi', 80, '10.43.0.20', () => {}), 20));`;

const VIP = '10.43.0.20/80';
const A = '10.42.1.2@pi';
const B = '10.42.1.3@pi';
const nodePort = { type: 'NodePort', ports: [{ name: 'http', protocol: 'TCP', port: 80, nodePort: 30080 }] };

it('spreads what a Pod asks, and keeps its address unless it asks itself', async () => {
  await apply([aService('web')], [aSlice('web', [A, B])]);
  const answers = await times(24, () => tcp('a', VIP));
  expect([...answers].map((answer) => answer.split(' ')[0]).sort()).toEqual(['a', 'b']);
  if (lab.bridgeFiltered) expect(answers).toContain('b 10.42.1.2');
  expect(answers).toContain('a 10.42.1.1');
});

it('is reached by the board and by its LAN', async () => {
  await apply([aService('web', nodePort)], [aSlice('web', [A])]);
  for (const to of [VIP, '192.168.1.5/30080']) {
    expect(await tcp('board', to)).toMatch(/^a /);
    expect(await tcp('client', to)).toBe('a 10.42.1.1');
  }
});

it('keeps the client where only endpoints of this board may answer', async () => {
  await apply(
    [aService('web', { ...nodePort, externalTrafficPolicy: 'Local' })],
    [aSlice('web', [A, '10.42.9.9@pi2'])],
  );
  expect(await times(8, () => tcp('client', '192.168.1.5/30080'))).toEqual(new Set(['a 192.168.1.9']));
});

it('stays with the endpoint that a client had, when others come and go', async () => {
  const sticky = aService('web', { sessionAffinity: 'ClientIP' });
  await apply([sticky], [aSlice('web', [A])]);
  expect(await tcp('client', VIP)).toMatch(/^a /);
  await apply([sticky], [aSlice('web', [A, B])]);
  expect(await times(12, () => tcp('client', VIP))).toHaveLength(1);
  await apply([sticky], [aSlice('web', [B])]);
  expect(await tcp('client', VIP)).toMatch(/^b /);
});

it('serves UDP', async () => {
  const ports = [{ name: 'http', protocol: 'UDP', port: 80 }];
  const slice = aSlice('web', [B], { ports: [{ name: 'http', protocol: 'UDP', port: 8080 }] });
  await apply([aService('web', { ports })], [slice]);
  expect(await udp('client', VIP)).toMatch(/^b /);
  expect(await udp('a', VIP)).toMatch(/^b /);
});

it.each(['a', 'board', 'client'] as const)(
  'refuses %s at once where nobody is behind a Service',
  async (from) => {
    await apply([aService('web', nodePort)], []);
    // What is not refused at once ends by its timeout, in other words.
    for (const to of [VIP, '192.168.1.5/30080']) await expect(tcp(from, to)).rejects.toThrow(/refused/);
  },
);

describe('a load balancer', () => {
  const at = (spec: object = {}) =>
    aService(
      'web',
      { ...nodePort, type: 'LoadBalancer', ...spec },
      { status: { loadBalancer: { ingress: [{ ip: '192.168.1.5', ipMode: 'VIP' }] } } },
    );

  it('answers at the board’s own address, whoever asks', async () => {
    await apply([at()], [aSlice('web', [A])]);
    for (const from of ['client', 'board', 'a', 'b'] as const)
      expect(await tcp(from, '192.168.1.5/80')).toMatch(/^a /);
  });

  it('shows the client to endpoints where only those of the board may answer', async () => {
    await apply([at({ externalTrafficPolicy: 'Local' })], [aSlice('web', [A, '10.42.9.9@pi2'])]);
    expect(await times(8, () => tcp('client', '192.168.1.5/80'))).toEqual(new Set(['a 192.168.1.9']));
    await apply([at({ externalTrafficPolicy: 'Local' })], [aSlice('web', [B.replace('@pi', '@pi2')])]);
    await expect(tcp('client', '192.168.1.5/80', 1)).rejects.toThrow(/exit code 124/);
    expect(await tcp('a', '192.168.1.5/80')).toMatch(/^b /);
  });

  it('is silent to those that its ranges do not name, and is only where it is', async () => {
    await apply([at({ loadBalancerSourceRanges: ['10.42.0.0/16'] })], [aSlice('web', [A])]);
    expect(await tcp('b', '192.168.1.5/80')).toMatch(/^a /);
    await expect(tcp('client', '192.168.1.5/80', 1)).rejects.toThrow(/exit code 124/);
    expect(await tcp('client', '192.168.1.5/30080')).toMatch(/^a /);
    await apply([aService('web', nodePort)], [aSlice('web', [A])]);
    await expect(tcp('client', '192.168.1.5/80')).rejects.toThrow(/refused/);
  });
});

it('takes rules for SCTP, whether or not this kernel speaks it', async () => {
  const ports = [{ name: 'http', protocol: 'SCTP', port: 80 }];
  await apply([aService('web', { ...nodePort, ports })], [aSlice('web', [A], { ports })]);
  expect(await must(inside('board', ['nft', 'list', 'map', 'ip', 'coracle', 'services']))).toContain(
    '. sctp .',
  );
  await apply([aService('web', { ports })], []);
});

it('leads to an address outside that a Service claims', async () => {
  await apply([aService('web', { externalIPs: ['203.0.113.7'] })], [aSlice('web', [B])]);
  for (const from of ['client', 'a'] as const) expect(await tcp(from, '203.0.113.7/80')).toMatch(/^b /);
});

it('leads a UDP client on, that goes on talking, when its endpoint goes and when the first comes', async () => {
  const ports = [{ name: 'http', protocol: 'UDP', port: 80 }];
  const service = aService('web', { ports });
  const slice = (...endpoints: string[]) =>
    aSlice('web', endpoints, { ports: [{ name: 'http', protocol: 'UDP', port: 8080 }] });
  const [file = '', ...args] = inside('client', [process.execPath, '-e', TALKER]);
  const talking = spawn(file, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  let last = '';
  talking.stdout.on('data', (chunk: Buffer) => {
    last = chunk.toString();
  });
  const hears = (name: string) =>
    eventually(async () => {
      last = '';
      await new Promise((resolve) => setTimeout(resolve, 150));
      return name === '' ? last === '' : last.startsWith(name);
    });
  try {
    // The same endpoint at another port, where nobody is.
    const elsewhere = aSlice('web', [A], { ports: [{ name: 'http', protocol: 'UDP', port: 9 }] });
    await apply([service], [elsewhere]);
    await hears('');
    await apply([service], [slice(A)]);
    await hears('a');
    await apply([service], [slice(A, B)]);
    await hears('a');
    await apply([service], [slice(B)]);
    await hears('b');
    await apply([service], []);
    await hears('');
    await apply([service], [slice(A)]);
    await hears('a');
  } finally {
    talking.kill('SIGKILL');
  }
});

it('serves IPv6 from a table of its own, beside that of IPv4', async () => {
  const filter = await command(inside('board', ['sysctl', '-qw', 'net.bridge.bridge-nf-call-ip6tables=1']));
  const clusterIPs = ['10.43.0.20', 'fd00:43::20'];
  const services = [aService('web', { ...nodePort, clusterIPs, sessionAffinity: 'ClientIP' })];
  const facts = { clusterCidr: 'fd00:42::/56', serviceCidr: 'fd00:43::/112', podCidrs: ['fd00:42:0:1::/64'] };
  let slices = [aSlice('web', ['fd00:42:0:1::2@pi'], { addressType: 'IPv6' })];
  const second = new ServiceProxy({
    observe: () => anInput(services, slices, { family: IPV6, bridgeFiltered: filter.code === 0, ...facts }),
    run,
    clock: systemClock,
    log: silent,
  });
  await apply(services, [aSlice('web', [B])]);
  await second.apply();
  await must(
    inside('board', ['ip', '-6', 'route', 'replace', 'fd00:43::/112', 'dev', 'lo', 'src', 'fd00:1::5']),
  );
  for (const from of ['client', 'b', 'a', 'board'] as const)
    expect(await tcp(from, 'fd00:43::20/80')).toMatch(/^a fd00:/);
  expect(await tcp('client', 'fd00:1::5/30080')).toMatch(/^a fd00:/);
  expect(await tcp('client', VIP)).toMatch(/^b /);
  slices = [aSlice('web', ['fd00:42:0:1::2@pi', 'fd00:42:0:1::3@pi'], { addressType: 'IPv6' })];
  await second.apply();
  expect(await times(8, () => tcp('client', 'fd00:43::20/80'))).toHaveLength(1);
  slices = [];
  await second.apply();
  // The kernel itself says no to what it would have to forward into its loopback.
  await expect(tcp('client', 'fd00:43::20/80')).rejects.toThrow(/refused|unreachable/);
  await expect(tcp('a', 'fd00:1::5/30080')).rejects.toThrow(/refused/);
});

it('leaves tables of others alone', async () => {
  await must(inside('board', ['nft', 'add', 'table', 'ip', 'other']));
  await apply([], []);
  expect(await must(inside('board', ['nft', 'list', 'tables']))).toContain('table ip other');
});
