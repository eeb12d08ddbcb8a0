/**
 * A virtual board: one process tree in namespaces of its own, with stock paths inside, on a LAN of test/support. What it
 * wrote to its disk survives a power cut; processes, cgroups, network and /run do not, as on a real one.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cgroupVersion, createCgroup, setFrozen } from './cgroups.ts';
import { bridgeNetwork, containerdConfig } from './containerd-config.ts';
import { eventually } from './eventually.ts';
import { killCgroup, type Lan, PREFIX, type Segment } from './lan.ts';
import { type CommandOptions, type CommandResult, command, must } from './shell.ts';

/** Kept running by the board's init: it comes back half a second after it dies, and at every boot. */
export interface Service {
  readonly name: string;
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface BoardOptions {
  readonly name: string;
  /** Host part of the address, 10…250, unique on the LAN. */
  readonly host: number;
  /** Of the LAN's two. */
  readonly segment?: 1 | 2;
  /** What the whole board may use; no limit when absent. */
  readonly memoryMiB?: number;
  /** False when something else starts containerd (or nothing). */
  readonly containerd?: boolean;
  /**
   * Run by systemd in a root of its own: the system is this machine's, and what the board changes in /usr, /etc and /var is on
   * its disk. It starts no services but those that are installed on it.
   */
  readonly systemd?: boolean;
  /** Where its containerd listens, when something else starts it. */
  readonly containerdPath?: string;
  /** A pod network for tests without an agent: `10.42.9.0/24`. */
  readonly podSubnet?: string;
  readonly services?: readonly Service[];
}

/** What a board keeps on its disk, under the usual paths. */
const DISK_PATHS = [
  ...['/var/lib/containerd', '/var/lib/kubelet', '/var/lib/cni', '/var/lib/coracle'],
  ...['/var/log/pods', '/var/log/containers', '/etc/containerd', '/etc/cni', '/etc/coracle'],
];

export class Board {
  readonly name: string;
  /** Its address now: see {@link moveTo}. */
  ip: string;
  /** Disk, logs and services; `disk/` holds what survives. */
  readonly directory: string;
  readonly #lan: Lan;
  readonly #segment: Segment;
  readonly #cable: string;
  readonly #netns: string;
  readonly #containerd: boolean;
  readonly #systemd: boolean;
  readonly #containerdPath: string;
  readonly #memoryMiB: number | undefined;

  constructor(lan: Lan, options: BoardOptions) {
    this.name = options.name;
    this.#segment = lan.segment(options.segment ?? 1);
    this.ip = this.#segment.ip(options.host);
    this.directory = join(lan.directory, options.name);
    this.#lan = lan;
    this.#cable = `b${options.host}`;
    this.#netns = `${PREFIX}${lan.number}-${options.name}`;
    this.#systemd = options.systemd ?? false;
    this.#containerd = options.containerd ?? !this.#systemd;
    this.#containerdPath = options.containerdPath ?? '/run/containerd/containerd.sock';
    this.#memoryMiB = options.memoryMiB;
    this.#furnish(options);
  }

  /** Its init, in this machine's numbering. */
  get pid(): number {
    return Number(readFileSync(join(this.directory, 'pid'), 'utf8'));
  }

  /** The board's file system as seen from outside. */
  get rootPath(): string {
    return `/proc/${this.pid}/root`;
  }

  get containerdSocket(): string {
    return `${this.rootPath}${this.#containerdPath}`;
  }

  /** The cgroup that holds all of it, in every hierarchy. */
  get cgroup(): string {
    return this.#netns;
  }

  /** Powers it on; resolves when its init runs its services and its containerd answers. */
  async boot(): Promise<void> {
    await this.#plugIn();
    rmSync(join(this.directory, 'pid'), { force: true });
    const procs = createCgroup(this.cgroup, this.#memoryMiB);
    const console = openSync(join(this.directory, 'log/console.log'), 'a');
    const init = join(import.meta.dirname, this.#systemd ? 'board-systemd.sh' : 'board-init.sh');
    const join_ = 'for f in $1; do echo $$ >"$f" || exit 1; done; shift; exec "$@"';
    const child = spawn(
      'sh',
      [
        ...['-c', join_, 'sh', procs.join(' '), 'setsid', 'nsenter', `--net=/run/netns/${this.#netns}`],
        ...['unshare', '--mount', '--pid', '--fork', '--kill-child', '--uts', '--ipc', '--cgroup'],
        ...['--propagation', 'private', 'bash', init, this.directory, this.name, String(cgroupVersion())],
      ],
      {
        detached: true,
        stdio: ['ignore', console, console],
        env: {
          PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
          HOME: '/root',
          LANG: 'C.UTF-8',
        },
      },
    );
    closeSync(console);
    child.unref();
    try {
      await eventually(() => existsSync(join(this.directory, 'pid')), { timeoutMs: 30_000, intervalMs: 20 });
      if (this.#systemd) await eventually(() => this.#hasStarted(), { timeoutMs: 60_000, intervalMs: 200 });
      if (this.#containerd)
        await eventually(
          async () => must(['ctr', '-a', this.containerdSocket, 'version'], { timeoutMs: 5_000 }),
          {
            timeoutMs: 60_000,
            intervalMs: 50,
          },
        );
    } catch (err) {
      throw new Error(`board ${this.name} does not boot:\n${this.log('console')}${this.log('containerd')}`, {
        cause: err,
      });
    }
  }

  /** Everything on it stops in the same instant; its disk stays as it is. */
  async powerCut(): Promise<void> {
    if (existsSync(join(this.directory, 'pid'))) {
      try {
        process.kill(this.pid, 'SIGKILL');
      } catch {
        // It is off already.
      }
      rmSync(join(this.directory, 'pid'), { force: true });
    }
    await killCgroup(this.cgroup);
    // Removed by hand: the kernel tears a namespace down later, and the cable's name is needed again.
    await command(['ip', '-n', this.#lan.netns, 'link', 'del', this.#cable]);
    await command(['ip', 'netns', 'del', this.#netns]);
  }

  /** It hangs: connections stay open and nothing answers. */
  freeze(): void {
    setFrozen(this.cgroup, true);
  }

  thaw(): void {
    setFrozen(this.cgroup, false);
  }

  /** Pulls the network cable. */
  async partition(): Promise<void> {
    await must(['ip', '-n', this.#lan.netns, 'link', 'set', this.#cable, 'down']);
  }

  async heal(): Promise<void> {
    await must(['ip', '-n', this.#lan.netns, 'link', 'set', this.#cable, 'up']);
  }

  /** The router gives it another address while it runs, as after a lease that ended. */
  async moveTo(host: number): Promise<void> {
    const inBoard = (...args: string[]) => must(['ip', '-n', this.#netns, ...args]);
    const before = this.ip;
    this.ip = this.#lan.ip(host);
    await inBoard('addr', 'add', `${this.ip}/24`, 'dev', 'eth0');
    await inBoard('addr', 'del', `${before}/24`, 'dev', 'eth0');
    // The first address of a subnet takes its routes with it.
    await command(['ip', '-n', this.#netns, 'addr', 'add', `${this.ip}/24`, 'dev', 'eth0']);
    await inBoard('route', 'replace', 'default', 'via', this.#lan.gatewayIp);
  }

  /** The command line, on this machine, of a program of this machine's in the board's network. */
  inNetwork(argv: readonly string[]): readonly string[] {
    return ['nsenter', '-t', String(this.pid), '-n', '--', ...argv];
  }

  /** Runs a command on the board; a string goes to its shell. */
  exec(what: string | readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    const argv = typeof what === 'string' ? ['sh', '-c', what] : what;
    return command(
      ['nsenter', '-t', String(this.pid), '-m', '-n', '-p', '-u', '-i', '-C', '--', ...argv],
      options,
    );
  }

  /** `ctr` in Kubernetes' namespace of this board's containerd. Throws when it fails. */
  async ctr(...args: readonly string[]): Promise<string> {
    return must(['ctr', '-a', this.containerdSocket, '-n', 'k8s.io', ...args]);
  }

  /**
   * Runs a shell script in a container of this board, with no server in between; throws where it does not run. Not by
   * `ctr tasks exec`, which at times loses what a short command says.
   */
  async execIn(containerId: string, script: string, options: CommandOptions = {}): Promise<CommandResult> {
    const tasks = (await this.ctr('tasks', 'list')).split('\n').map((line) => line.split(/\s+/));
    const pid = tasks.find(([id, , state]) => id === containerId && state === 'RUNNING')?.[1];
    if (!pid) throw new Error(`container ${containerId} does not run on ${this.name}`);
    const bare = ['env', '-i', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin'];
    const inside = ['nsenter', '-t', pid, '-m', '-n', '-p', '-u', '-i', '-C'];
    return this.exec([...bare, ...inside, 'sh', '-c', script], options);
  }

  /** Its containerd pulls images of these registries from these addresses instead. */
  mirror(registries: Readonly<Record<string, string>>): void {
    for (const [registry, url] of Object.entries(registries)) {
      const directory = join(this.directory, 'disk/etc/containerd/certs.d', registry);
      mkdirSync(directory, { recursive: true });
      writeFileSync(
        join(directory, 'hosts.toml'),
        `server = "${url}"\n[host."${url}"]\n  capabilities = ["pull", "resolve"]\n`,
      );
    }
  }

  /** Stops a service and keeps it down until {@link startService}. */
  async stopService(name: string, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    writeFileSync(join(this.directory, 'services', `${name}.stopped`), '');
    await this.killService(name, signal);
  }

  async startService(name: string): Promise<void> {
    this.releaseService(name);
    await eventually(() => this.servicePid(name), { timeoutMs: 30_000, intervalMs: 20 });
  }

  /** Lets init start it again, and does not wait. */
  releaseService(name: string): void {
    rmSync(join(this.directory, 'services', `${name}.stopped`), { force: true });
  }

  /** Signals a service and waits for its end; init starts it again unless it is stopped. */
  async killService(name: string, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const before = this.servicePid(name);
    if (before === undefined) return;
    await this.exec(`kill -${signal.slice(3)} ${before}`);
    await eventually(() => this.servicePid(name) !== before, { timeoutMs: 40_000, intervalMs: 20 });
  }

  /** In the board's own numbering; undefined while it is not running. */
  servicePid(name: string): number | undefined {
    try {
      return Number(readFileSync(join(this.directory, 'services', `${name}.pid`), 'utf8')) || undefined;
    } catch {
      return undefined;
    }
  }

  /** A service's output so far, over all its starts. */
  log(service: string): string {
    const path = join(this.directory, 'log', `${service}.log`);
    return existsSync(path) ? readFileSync(path, 'utf8') : '';
  }

  /** Takes it off the network and throws its disk away. */
  async destroy(): Promise<void> {
    await this.powerCut();
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** Whether every unit has started, or failed to. */
  async #hasStarted(): Promise<boolean> {
    const { stdout } = await this.exec(['systemctl', 'is-system-running']);
    return /^(running|degraded)$/m.test(stdout);
  }

  #furnish(options: BoardOptions): void {
    // A root of its own has them on its disk anyway.
    const paths = this.#systemd ? [] : DISK_PATHS;
    for (const path of ['log', 'services', 'disk', ...paths.map((path) => `disk${path}`)])
      mkdirSync(join(this.directory, path), { recursive: true });
    writeFileSync(join(this.directory, 'paths'), paths.map((path) => `${path}\n`).join(''));
    writeFileSync(join(this.directory, 'disk/machine-id'), `${randomBytes(16).toString('hex')}\n`);
    if (!this.#systemd)
      writeFileSync(join(this.directory, 'disk/etc/containerd/config.toml'), containerdConfig());
    if (options.podSubnet) {
      mkdirSync(join(this.directory, 'disk/etc/cni/net.d'));
      writeFileSync(
        join(this.directory, 'disk/etc/cni/net.d/10-bridge.conflist'),
        bridgeNetwork(options.podSubnet),
      );
    }
    if (this.#containerd) this.addService({ name: 'containerd', command: ['containerd'] });
    for (const service of options.services ?? []) this.addService(service);
  }

  /** Takes effect at the next boot. */
  addService(service: Service): void {
    const environment = Object.entries(service.env ?? {}).map(
      ([name, value]) => `export ${name}=${quote(value)}\n`,
    );
    writeFileSync(
      join(this.directory, 'services', service.name),
      `${environment.join('')}exec ${service.command.map(quote).join(' ')}\n`,
    );
  }

  /** From the next start of the service on. */
  setEnvironment(service: string, env: Readonly<Record<string, string>>): void {
    const path = join(this.directory, 'services', service);
    const exports = Object.entries(env).map(([name, value]) => `export ${name}=${quote(value)}\n`);
    writeFileSync(path, `${exports.join('')}${readFileSync(path, 'utf8')}`);
  }

  async #plugIn(): Promise<void> {
    const inBoard = (...args: string[]) => must(['ip', '-n', this.#netns, ...args]);
    await must(['ip', 'netns', 'add', this.#netns]);
    const lan = this.#lan.netns;
    await must([
      'ip',
      '-n',
      lan,
      'link',
      'add',
      this.#cable,
      'type',
      'veth',
      'peer',
      'name',
      'eth0',
      'netns',
      this.#netns,
    ]);
    await must(['ip', '-n', lan, 'link', 'set', this.#cable, 'master', this.#segment.bridge, 'up']);
    // The same at every boot: who has it in their tables goes on talking to it.
    const mac = ['02', ...this.ip.split('.').map((byte) => Number(byte).toString(16).padStart(2, '0')), '00'];
    await inBoard('link', 'set', 'eth0', 'address', mac.join(':'));
    await inBoard('link', 'set', 'lo', 'up');
    await inBoard('addr', 'add', `${this.ip}/24`, 'dev', 'eth0');
    await inBoard('link', 'set', 'eth0', 'up');
    await inBoard('route', 'add', 'default', 'via', this.#segment.gatewayIp);
  }
}

const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
