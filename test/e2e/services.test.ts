/** The table of Services in a real kernel: a board with two Pods on its bridge and a client on its LAN, in namespaces of their own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Routes } from '#agent/net/routes/routes.ts';
import type { Run } from '#agent/net/run.ts';
import { anInput, aService, aSlice } from '#agent/net/services/fixtures.ts';
import { ServiceProxy } from '#agent/net/services/service-proxy.ts';
import type { ServicesInput } from '#agent/net/services/services.plan.ts';
import { systemClock } from '#proto/meta/clock.ts';
import { silent } from '#proto/meta/log.ts';
import { eventually } from '../support/boards/eventually.ts';
import { command, must } from '../support/boards/shell.ts';

const prefix = `coracle-s${process.pid}-`;
const ns = (name: string): string => `${prefix}${name}`;
const inside = (name: string, argv: readonly string[]): string[] => [
  'ip',
  'netns',
  'exec',
  ns(name),
  ...argv,
];
const NAMES = ['board', 'a', 'b', 'client'];
const servers: ChildProcess[] = [];
let bridgeFiltered = false;
let wanted: ServicesInput = anInput([], []);
const run: Run = (program, args, input) => must(inside('board', [program, ...args]), input ? { input } : {});
const proxy = new ServiceProxy({
  observe: () => wanted,
  run,
  clock: systemClock,
  log: silent,
});
const apply = (services: ServicesInput['services'], slices: ServicesInput['slices']): Promise<void> => {
  wanted = anInput(services, slices, { bridgeFiltered });
  return proxy.apply();
};

/** Says its name and who asks, over TCP and UDP. */
const SERVER = `
const name = process.argv[1];
require('node:net').createServer((s) => { s.on('error', () => {}); s.end(name + ' ' + s.remoteAddress + '\\n'); }).listen(8080, '0.0.0.0');
const udp = require('node:dgram').createSocket('udp4');
udp.on('message', (_, from) => udp.send(name + ' ' + from.address + '\\n', from.port, from.address));
udp.bind(8080, '0.0.0.0');`;

beforeAll(async () => {
  for (const name of NAMES) {
    await must(['ip', 'netns', 'add', ns(name)]);
    await must(['ip', '-n', ns(name), 'link', 'set', 'lo', 'up']);
  }
  const plug = async (name: string, ip: string, cable: string): Promise<void> => {
    const peer = ['peer', 'name', 'eth0', 'netns', ns(name)];
    await must(['ip', '-n', ns('board'), 'link', 'add', 'name', cable, 'type', 'veth', ...peer]);
    await must(['ip', '-n', ns('board'), 'link', 'set', 'dev', cable, 'up']);
    await must(['ip', '-n', ns(name), 'address', 'add', ip, 'dev', 'eth0']);
    await must(['ip', '-n', ns(name), 'link', 'set', 'eth0', 'up']);
  };
  await must(['ip', '-n', ns('board'), 'link', 'add', 'cni0', 'type', 'bridge']);
  await must(['ip', '-n', ns('board'), 'address', 'add', '10.42.1.1/24', 'dev', 'cni0']);
  await must(['ip', '-n', ns('board'), 'link', 'set', 'cni0', 'up']);
  for (const [index, name] of ['a', 'b'].entries()) {
    await plug(name, `10.42.1.${index + 2}/24`, name);
    await must(['ip', '-n', ns('board'), 'link', 'set', 'dev', name, 'master', 'cni0']);
    await must([
      'ip',
      '-n',
      ns('board'),
      'link',
      'set',
      'dev',
      name,
      'type',
      'bridge_slave',
      'hairpin',
      'on',
    ]);
    await must(['ip', '-n', ns(name), 'route', 'add', 'default', 'via', '10.42.1.1']);
    servers.push(
      spawn('ip', [...inside(name, [process.execPath, '-e', SERVER, name]).slice(1)], { stdio: 'ignore' }),
    );
  }
  await plug('client', '192.168.1.9/24', 'lan');
  await must(['ip', '-n', ns('board'), 'address', 'add', '192.168.1.5/24', 'dev', 'lan']);
  await must(['ip', '-n', ns('client'), 'route', 'add', 'default', 'via', '192.168.1.5']);
  await must(inside('board', ['sysctl', '-qw', 'net.ipv4.ip_forward=1']));
  // No default route on this board: an isolated LAN is a network too.
  await new Routes({
    nodes: () => [],
    nodeName: 'pi',
    serviceCidr: () => '10.43.0.0/16',
    hostIps: () => ['192.168.1.5'],
    segments: () => [],
    run,
    clock: systemClock,
    log: silent,
  }).apply();
  const filter = await command(inside('board', ['sysctl', '-qw', 'net.bridge.bridge-nf-call-iptables=1']));
  bridgeFiltered = filter.code === 0;
  for (const pod of ['10.42.1.2', '10.42.1.3']) await eventually(() => tcp('board', `${pod}/8080`));
});
afterAll(async () => {
  for (const server of servers) server.kill('SIGKILL');
  for (const name of NAMES) await command(['ip', 'netns', 'del', ns(name)]);
});

/** What the server at `ip/port` says to whoever asks from a namespace. */
async function tcp(from: string, to: string): Promise<string> {
  const script = `exec 3<>/dev/tcp/${to} && cat <&3`;
  return (await must(inside(from, ['timeout', '4', 'bash', '-c', script]))).trim();
}
async function udp(from: string, to: string): Promise<string> {
  const script = `exec 3<>/dev/udp/${to}; echo hi >&3; dd bs=512 count=1 <&3`;
  return (await must(inside(from, ['timeout', '4', 'bash', '-c', script]))).trim();
}
async function times<T>(count: number, ask: () => Promise<T>): Promise<Set<T>> {
  const answers = new Set<T>();
  for (let i = 0; i < count; i++) answers.add(await ask());
  return answers;
}

const VIP = '10.43.0.20/80';
const A = '10.42.1.2@pi';
const B = '10.42.1.3@pi';
const nodePort = { type: 'NodePort', ports: [{ name: 'http', protocol: 'TCP', port: 80, nodePort: 30080 }] };

it('spreads what a Pod asks, and keeps its address unless it asks itself', async () => {
  await apply([aService('web')], [aSlice('web', [A, B])]);
  const answers = await times(24, () => tcp('a', VIP));
  expect([...answers].map((answer) => answer.split(' ')[0]).sort()).toEqual(['a', 'b']);
  if (bridgeFiltered) expect(answers).toContain('b 10.42.1.2');
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

it.each(['a', 'board', 'client'])('refuses %s at once where nobody is behind a Service', async (from) => {
  await apply([aService('web', nodePort)], []);
  for (const to of [VIP, '192.168.1.5/30080']) {
    const began = performance.now();
    await expect(tcp(from, to)).rejects.toThrow(/refused/);
    expect(performance.now() - began).toBeLessThan(900);
  }
});

it('leaves tables of others alone', async () => {
  await must(inside('board', ['nft', 'add', 'table', 'ip', 'other']));
  await apply([], []);
  expect(await must(inside('board', ['nft', 'list', 'tables']))).toContain('table ip other');
});
