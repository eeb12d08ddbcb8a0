/** A server and agents that are flashed boards, and kubectl on this machine for them. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Board } from '#firmware/boards/board.ts';
import { HOST_ARCH } from '#firmware/build/host.ts';
import { run } from '#firmware/build/run.ts';
import { freePort } from '#proto/net/testing/free-port.ts';
import type { BoardSystem } from '#server/cli/upgrade/upgrade.plan.ts';
import { Machine, type MachineOptions, macOf } from './machine.ts';
import { makeSshKey, Shell, type SshKey } from './ssh.ts';

const ROOT = join(import.meta.dirname, '../..');
export const TOKEN = 'abcdef.0123456789abcdef';
export const ADDRESSES = { server: '192.168.77.1', agent: '192.168.77.2' } as const;

type BoardOptions = Pick<MachineOptions, 'memoryMiB' | 'chance' | 'beside'>;

export class ImageCluster {
  readonly server: Machine;
  readonly agent: Machine;
  readonly shell: Shell;
  readonly agentShell: Shell;
  readonly #folder: string;
  readonly #apiPort: number;
  readonly #key: SshKey;
  /** Of this host: where the boards find what serves NFS at `REACHED`. */
  readonly nfsPort: number;

  private constructor(
    folder: string,
    key: SshKey,
    ports: {
      readonly api: number;
      readonly ssh: number;
      readonly segment: number;
      readonly nfs: number;
    },
    arch: Board['arch'],
    options: BoardOptions,
  ) {
    this.#folder = folder;
    this.#key = key;
    this.#apiPort = ports.api;
    this.nfsPort = ports.nfs;
    const common = { arch, folder, ...options };
    this.server = new Machine({
      ...common,
      name: 'server',
      segment: { port: ports.segment, first: true, number: 1 },
      forward: { 6443: ports.api, 22: ports.ssh },
      reach: { 2049: ports.nfs },
    });
    this.agent = new Machine({
      ...common,
      name: 'agent',
      segment: { port: ports.segment, first: false, number: 2 },
    });
    this.shell = new Shell(key, ports.ssh);
    this.agentShell = new Shell(key, ports.ssh, ADDRESSES.agent);
  }

  static async create(
    folder: string,
    arch: Board['arch'],
    options: BoardOptions = {},
  ): Promise<ImageCluster> {
    const [api = 0, ssh = 0, segment = 0, nfs = 0] = await Promise.all([1, 2, 3, 4].map(freePort));
    return new ImageCluster(folder, await makeSshKey(folder), { api, ssh, segment, nfs }, arch, options);
  }

  /** `coracle.yaml` of a board; the segment has no DHCP. */
  config(role: 'server' | 'agent', more: readonly string[] = [], name: string = role): string {
    const mac = macOf(role === 'server' ? 1 : 2);
    return [
      `name: ${name}`,
      `role: ${role}`,
      `token: ${TOKEN}`,
      `ssh-keys: [${JSON.stringify(this.#key.publicKey)}]`,
      `network: { interface: "${mac}", address: ${ADDRESSES[role]}/24 }`,
      ...more,
      '',
    ].join('\n');
  }

  /** With what the server's kubeconfig says, over the forwarded port. */
  async fetchKubeconfig(): Promise<void> {
    const text = await this.shell.run('cat /etc/coracle/kubeconfig.yaml');
    await writeFile(this.kubeconfig, text.replace(/127\.0\.0\.1:6443/, `127.0.0.1:${this.#apiPort}`), {
      mode: 0o600,
    });
  }

  get kubeconfig(): string {
    return join(this.#folder, 'kubeconfig.yaml');
  }

  kubectl(...args: readonly string[]): Promise<string> {
    return this.kubectlWith(args);
  }

  kubectlWith(args: readonly string[], input?: string): Promise<string> {
    const program = join(ROOT, '.cache/kubectl', HOST_ARCH, 'kubectl');
    const options = { env: { KUBECONFIG: this.kubeconfig }, ...(input === undefined ? {} : { input }) };
    return run(program, ['--request-timeout=60s', ...args], options);
  }

  /** Resolves once kubectl says that the node is Ready. */
  async nodeReady(name: string, timeoutMs: number): Promise<void> {
    const path = 'jsonpath={.status.conditions[?(@.type=="Ready")].status}';
    await patiently(
      timeoutMs,
      async () => {
        const status = await this.kubectl('get', 'node', name, '-o', path);
        if (status !== 'True') throw new Error(`node ${name} is Ready: ${status || 'not known'}`);
        // kubectl costs an emulated board as much as it needs itself.
      },
      2000,
    );
  }

  /** What a board says of its system. */
  async systemOf(node: string): Promise<BoardSystem> {
    const path = `/api/v1/nodes/${node}/proxy/coracle/system`;
    return JSON.parse(await this.kubectl('get', '--raw', path)) as BoardSystem;
  }

  async powerOff(): Promise<void> {
    await Promise.all([this.agent.cutPower(), this.server.cutPower()]);
  }
}

/** Tries until it works; at the end of the time, rejects with the last reason. */
export async function patiently<T>(timeoutMs: number, work: () => Promise<T>, pauseMs = 300): Promise<T> {
  const until = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await work();
    } catch (err) {
      if (performance.now() > until) throw err;
      await sleep(pauseMs);
    }
  }
}
