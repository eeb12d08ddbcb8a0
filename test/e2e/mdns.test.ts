/** Servers that are found by name, and boards that find them, on a LAN of network namespaces. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { encodeMdns, parseMdns } from '#proto/dns/mdns.plan.ts';
import { TYPE } from '#proto/dns/message.plan.ts';
import { eventually } from '../support/boards/eventually.ts';
import { command, must } from '../support/boards/shell.ts';

const HOSTS = ['one', 'two', 'board'] as const;
const prefix = `coracle-m${process.pid}-`;
const ns = (name: string): string => `${prefix}${name}`;
const CHILD = join(import.meta.dirname, '../support/boards/mdns-child.ts');
const inside = (name: string, ...argv: string[]): string[] => [
  'nsenter',
  `--net=/run/netns/${ns(name)}`,
  ...argv,
];
const servers: ChildProcess[] = [];

beforeAll(async () => {
  await must(['ip', 'netns', 'add', ns('lan')]);
  await must(['ip', '-n', ns('lan'), 'link', 'add', 'lan0', 'type', 'bridge', 'mcast_snooping', '0']);
  await must(['ip', '-n', ns('lan'), 'link', 'set', 'lan0', 'up']);
  for (const [index, name] of HOSTS.entries()) {
    const ip = (text: string) => must(['ip', '-n', ns(name), ...text.split(' ')]);
    await must(['ip', 'netns', 'add', ns(name)]);
    const peer = ['peer', 'name', 'eth0', 'netns', ns(name)];
    await must(['ip', '-n', ns('lan'), 'link', 'add', 'name', name, 'type', 'veth', ...peer]);
    await must(['ip', '-n', ns('lan'), 'link', 'set', name, 'master', 'lan0', 'up']);
    await ip('link set lo up');
    await ip(`address add 192.168.7.${index + 1}/24 dev eth0`);
    await ip('link set eth0 up');
  }
});
afterAll(async () => {
  for (const server of servers) server.kill('SIGKILL');
  for (const name of ['lan', ...HOSTS]) await command(['ip', 'netns', 'del', ns(name)]);
});

/** Resolves with the name that it is found by. */
async function aServer(name: string): Promise<{ host: string; child: ChildProcess }> {
  const [file = '', ...args] = inside(name, process.execPath, CHILD, 'respond', name);
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  servers.push(child);
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const host = await eventually(() => /coracle[\w-]*\.local/.exec(said)?.[0], { timeoutMs: 15_000 });
  return { host, child };
}

const discover = async (): Promise<{ name: string; link: { host: string; port: number } }[]> =>
  JSON.parse(await must(inside('board', process.execPath, CHILD, 'discover')));

/** As a plain resolver asks, of everybody on the LAN. */
async function addressOf(host: string): Promise<string | undefined> {
  const query = encodeMdns({ id: 9, questions: [{ name: host, type: TYPE.A, unicast: false }] });
  const script = `
    const socket = require('node:dgram').createSocket('udp4');
    socket.on('message', (bytes) => { console.log(bytes.toString('hex')); process.exit(0); });
    socket.bind(0, '192.168.7.3', () => { socket.setMulticastInterface('192.168.7.3'); socket.send(Buffer.from('${Buffer.from(query).toString('hex')}', 'hex'), 5353, '224.0.0.251'); });
    setTimeout(() => process.exit(0), 5000);`;
  const answer = parseMdns(
    Buffer.from((await must(inside('board', process.execPath, '-e', script))).trim(), 'hex'),
  );
  const [record] = answer?.answers ?? [];
  return record?.type === TYPE.A ? record.ip : undefined;
}

it('finds nobody on a network without servers', async () => {
  expect(await discover()).toEqual([]);
});

it('finds a server, which answers as coracle.local, and a second one under the next name', async () => {
  expect((await aServer('one')).host).toBe('coracle.local');
  expect(await addressOf('coracle.local')).toBe('192.168.7.1');
  await eventually(async () =>
    expect(await discover()).toEqual([{ name: 'one', link: { host: '192.168.7.1', port: 6444 } }]),
  );
  // Its address is the greater one, but a name that somebody has is not taken away.
  const second = await aServer('two');
  expect(second.host).toBe('coracle-2.local');
  expect(await addressOf('coracle-2.local')).toBe('192.168.7.2');
  await eventually(async () => {
    const found = await discover();
    expect(found.map(({ link }) => link.host).sort()).toEqual(['192.168.7.1', '192.168.7.2']);
    return true;
  });
});

it('goes on after what is no message', async () => {
  const script = `
    const socket = require('node:dgram').createSocket('udp4');
    let left = 200;
    socket.bind(0, '192.168.7.3', () => { socket.setMulticastInterface('192.168.7.3'); const again = () => left-- > 0 ? socket.send(require('node:crypto').randomBytes(left * 5), 5353, '224.0.0.251', again) : socket.close(); again(); });`;
  await must(inside('board', process.execPath, '-e', script));
  expect(await addressOf('coracle.local')).toBe('192.168.7.1');
});
