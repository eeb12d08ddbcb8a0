import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { createCgroup, processesIn } from './cgroups.ts';
import { eventually } from './eventually.ts';
import { killCgroup, type Lan, PREFIX } from './lan.ts';

/**
 * A program on this machine rather than on a board, plugged into a LAN: it has a cgroup named after the LAN, so that it goes
 * when the LAN goes, even after a crash of the test run.
 */
export class HostProcess {
  readonly cgroup: string;
  readonly logPath: string;
  readonly #command: readonly string[];
  readonly #env: Readonly<Record<string, string>>;

  constructor(
    lan: Lan,
    options: { name: string; command: readonly string[]; env?: Readonly<Record<string, string>> },
  ) {
    this.cgroup = `${PREFIX}${lan.number}-${options.name}`;
    this.logPath = `${lan.directory}/${options.name}.log`;
    this.#command = options.command;
    this.#env = options.env ?? {};
  }

  /** The first of its processes; undefined when none runs. */
  get pid(): number | undefined {
    return processesIn(this.cgroup)[0];
  }

  start(): void {
    const procs = createCgroup(this.cgroup, undefined);
    const log = openSync(this.logPath, 'a');
    const enter = 'for f in $1; do echo $$ >"$f" || exit 1; done; shift; exec "$@"';
    spawn('sh', ['-c', enter, 'sh', procs.join(' '), ...this.#command], {
      detached: true,
      stdio: ['ignore', log, log],
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'], LANG: 'C.UTF-8', ...this.#env },
    }).unref();
    closeSync(log);
  }

  /** Asks it to end and waits until it did. */
  async stop(): Promise<void> {
    const { pid } = this;
    if (pid === undefined) return;
    process.kill(pid, 'SIGTERM');
    await eventually(() => this.pid === undefined, { timeoutMs: 40_000, intervalMs: 20 });
  }

  /** As a power cut would: no chance to write anything. */
  async kill(): Promise<void> {
    await killCgroup(this.cgroup);
  }

  log(): string {
    return existsSync(this.logPath) ? readFileSync(this.logPath, 'utf8') : '';
  }
}
