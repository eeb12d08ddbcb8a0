/** A board with two Pods on its bridge and a client on its LAN, each a network namespace: no containers, only packets. */
import { type ChildProcess, spawn } from 'node:child_process';
import { planRoutes } from '#agent/net/overlay/routes.plan.ts';
import type { Run } from '#agent/net/run.ts';
import { eventually } from './eventually.ts';
import { command, must } from './shell.ts';

export type LabName = 'board' | 'a' | 'b' | 'client';

/** Says its name and who asks, over TCP and UDP. */
const SERVER = `
const name = process.argv[1];
require('node:net').createServer((s) => { s.on('error', () => {}); s.end(name + ' ' + s.remoteAddress.replace('::ffff:', '') + '\\n'); }).listen(8080, '::');
const udp = require('node:dgram').createSocket('udp4');
udp.on('message', (_, from) => udp.send(name + ' ' + from.address + '\\n', from.port, from.address));
udp.bind(8080, '0.0.0.0');`;

/**
 * Pods `a` 10.42.1.2 and `b` 10.42.1.3 answer on port 8080; the board is 192.168.1.5, the client 192.168.1.9. In IPv6 they are
 * fd00:42:0:1::2 and ::3, fd00:1::5 and fd00:1::9.
 */
export class ServiceLab {
  readonly #prefix: string;
  readonly #servers: ChildProcess[] = [];
  /** Whether packets between Pods of one bridge pass netfilter here. */
  bridgeFiltered = false;

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** The command that runs `argv` there. */
  readonly inside = (name: LabName, argv: readonly string[]): string[] => [
    'nsenter',
    `--net=/run/netns/${this.#ns(name)}`,
    ...argv,
  ];

  /** On the board. */
  readonly run: Run = (program, args, input) =>
    must(this.inside('board', [program, ...args]), input ? { input } : {});

  /** What the server at `ip/port` says to whoever asks from there; rejects with exit code 124 where nobody answers. */
  async tcp(from: LabName, to: string, seconds = 4): Promise<string> {
    const script = `exec 3<>/dev/tcp/${to} && cat <&3`;
    return (await must(this.inside(from, ['timeout', `${seconds}`, 'bash', '-c', script]))).trim();
  }

  async udp(from: LabName, to: string): Promise<string> {
    const script = `exec 3<>/dev/udp/${to}; echo hi >&3; dd bs=512 count=1 <&3`;
    return (await must(this.inside(from, ['timeout', '4', 'bash', '-c', script]))).trim();
  }

  async open(): Promise<void> {
    for (const name of NAMES) {
      await must(['ip', 'netns', 'add', this.#ns(name)]);
      await this.#ip(name, 'link set lo up');
    }
    await this.#ip('board', 'link add cni0 type bridge');
    await this.#ip('board', 'address add 10.42.1.1/24 dev cni0');
    await this.#ip('board', 'address add fd00:42:0:1::1/64 dev cni0 nodad');
    await this.#ip('board', 'link set cni0 up');
    for (const [index, name] of (['a', 'b'] as const).entries()) {
      await this.#plug(name, `10.42.1.${index + 2}/24`, name);
      await this.#ip('board', `link set dev ${name} master cni0`);
      await this.#ip('board', `link set dev ${name} type bridge_slave hairpin on`);
      await this.#ip(name, `address add fd00:42:0:1::${index + 2}/64 dev eth0 nodad`);
      await this.#ip(name, 'route add default via 10.42.1.1');
      await this.#ip(name, '-6 route add default via fd00:42:0:1::1');
      const [file = '', ...args] = this.inside(name, [process.execPath, '-e', SERVER, name]);
      this.#servers.push(spawn(file, args, { stdio: 'ignore' }));
    }
    await this.#plug('client', '192.168.1.9/24', 'lan');
    await this.#ip('board', 'address add 192.168.1.5/24 dev lan');
    await this.#ip('client', 'route add default via 192.168.1.5');
    await this.#ip('client', 'address add fd00:1::9/64 dev eth0 nodad');
    await this.#ip('board', 'address add fd00:1::5/64 dev lan nodad');
    await this.#ip('client', '-6 route add default via fd00:1::5');
    await must(
      this.inside('board', ['sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1']),
    );
    // No default route on this board: an isolated LAN is a network too.
    const [route = ''] = planRoutes({
      paths: [],
      serviceCidr: '10.43.0.0/16',
      hostIp: '192.168.1.5',
      hasDefault: false,
      present: [],
    });
    await this.#ip('board', route);
    const filter = await command(
      this.inside('board', ['sysctl', '-qw', 'net.bridge.bridge-nf-call-iptables=1']),
    );
    this.bridgeFiltered = filter.code === 0;
    for (const pod of ['10.42.1.2', '10.42.1.3']) await eventually(() => this.tcp('board', `${pod}/8080`));
  }

  async close(): Promise<void> {
    for (const server of this.#servers) server.kill('SIGKILL');
    for (const name of NAMES) await command(['ip', 'netns', 'del', this.#ns(name)]);
  }

  #ns(name: LabName): string {
    return `${this.#prefix}${name}`;
  }

  async #ip(name: LabName, command: string): Promise<void> {
    await must(['ip', '-n', this.#ns(name), ...command.split(' ')]);
  }

  async #plug(name: LabName, ip: string, cable: string): Promise<void> {
    await this.#ip('board', `link add name ${cable} type veth peer name eth0 netns ${this.#ns(name)}`);
    await this.#ip('board', `link set dev ${cable} up`);
    await this.#ip(name, `address add ${ip} dev eth0`);
    await this.#ip(name, 'link set eth0 up');
  }
}

const NAMES: readonly LabName[] = ['board', 'a', 'b', 'client'];
