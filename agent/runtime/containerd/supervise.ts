/**
 * A containerd of our own, beside the agent and not below it. It is started detached and found again through its socket, so
 * that an agent that ends or is replaced takes neither it nor a container along; and it is started again when it
 * dies, which no container notices. Only `stop` ends it. A containerd that hangs is reported, never killed: its
 * containers still serve.
 */
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { writeFileAtomic } from '#proto/meta/atomic-file.ts';
import type { Clock } from '#proto/meta/clock.ts';
import type { Logger } from '#proto/meta/log.ts';
import { planContainerdConfig } from './config.plan.ts';
import { ContainerdRuntime } from './driver.ts';
import type { ContainerdTools } from './find.ts';

const READY_TIMEOUT_MS = 60_000;
const READY_POLL_MS = 50;
const WATCH_MS = 2_000;
const FIRST_BACKOFF_MS = 500;
const MAX_BACKOFF_MS = 30_000;
const MAX_LOG_BYTES = 4 * 1024 * 1024;

export interface SupervisorOptions {
  readonly tools: ContainerdTools;
  /** `<dataDir>/containerd`: images and snapshots. */
  readonly rootDir: string;
  /** `/run/coracle/containerd`: on a tmpfs, as long as the board is on. */
  readonly stateDir: string;
  readonly sandboxImage: string;
  readonly cniConfDir: string;
  readonly registryConfigDir: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** What containerd is to be run by: `['unshare', '--net']` in tests. */
  readonly wrapper?: readonly string[];
}

export class ContainerdSupervisor {
  readonly socketPath: string;
  readonly #options: SupervisorOptions;
  readonly #configPath: string;
  readonly #pidPath: string;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.socketPath = join(options.stateDir, 'containerd.sock');
    this.#configPath = join(options.rootDir, 'config.toml');
    this.#pidPath = join(options.stateDir, 'containerd.pid');
  }

  /** Resolves when containerd answers: the one that runs already, or a new one. Then keeps it running until the signal. */
  async start(signal: AbortSignal): Promise<void> {
    if (!(await this.#answers())) {
      if (!this.#isAlive()) this.#spawn();
      await this.#ready(signal);
    }
    void this.#watch(signal);
  }

  /** Ends containerd; containers run on until their sandboxes are stopped. */
  async stop(): Promise<void> {
    const pid = this.#pid();
    if (pid === undefined) return;
    process.kill(pid, 'SIGTERM');
    for (let waited = 0; this.#isAlive() && waited < 10_000; waited += READY_POLL_MS) {
      await this.#options.clock.sleep(READY_POLL_MS);
    }
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    let backoffMs = FIRST_BACKOFF_MS;
    let startedAt = clock.now();
    while (!signal.aborted) {
      await clock.sleep(WATCH_MS, signal).catch(() => {});
      if (signal.aborted || this.#isAlive()) continue;
      // Short-lived ones are not tried again and again at full speed: a broken card would only get hotter.
      backoffMs =
        clock.now() - startedAt > 60_000 ? FIRST_BACKOFF_MS : Math.min(MAX_BACKOFF_MS, backoffMs * 2);
      log.warn('containerd has ended, starting it again', { inMs: backoffMs, log: this.#logPath() });
      await clock.sleep(backoffMs, signal).catch(() => {});
      if (signal.aborted) return;
      try {
        startedAt = clock.now();
        this.#spawn();
        await this.#ready(signal);
        log.info('containerd runs again');
      } catch (err) {
        if (!signal.aborted) log.error('containerd does not start', { err });
      }
    }
  }

  #spawn(): void {
    const { tools, rootDir, stateDir, cniConfDir, registryConfigDir, wrapper = [] } = this.#options;
    for (const folder of [rootDir, stateDir, cniConfDir, registryConfigDir]) {
      mkdirSync(folder, { recursive: true, mode: 0o711 });
    }
    writeFileAtomic(this.#configPath, this.#config());
    const log = openSync(this.#logPath(), 'a', 0o640);
    try {
      if (statSync(this.#logPath()).size > MAX_LOG_BYTES) truncateSync(this.#logPath());
      const [program = tools.binary, ...args] = [...wrapper, tools.binary, '--config', this.#configPath];
      const child = spawn(program, args, { detached: true, stdio: ['ignore', log, log], cwd: '/' });
      child.on('error', (err) => this.#options.log.error('containerd does not start', { err }));
      if (child.pid !== undefined) writeFileSync(this.#pidPath, String(child.pid));
      // The agent may end without it.
      child.unref();
    } finally {
      closeSync(log);
    }
  }

  #config(): string {
    const { tools, rootDir, stateDir, sandboxImage, cniConfDir, registryConfigDir } = this.#options;
    return planContainerdConfig({
      containerdVersion: tools.version,
      rootDir: join(rootDir, 'root'),
      stateDir: join(stateDir, 'state'),
      socketPath: this.socketPath,
      sandboxImage,
      cniBinDir: tools.cniBinDir,
      cniConfDir,
      registryConfigDir,
      runtimes: tools.runtimes,
      defaultRuntime: Object.keys(tools.runtimes)[0] ?? 'runc',
      restrictOomScoreAdj: tools.restrictOomScoreAdj,
      appArmor: tools.appArmor,
    });
  }

  async #ready(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const deadline = clock.now() + READY_TIMEOUT_MS;
    while (!(await this.#answers())) {
      signal.throwIfAborted();
      if (!this.#isAlive()) throw new Error(`containerd ended at its start:\n${this.#lastWords()}`);
      if (clock.now() > deadline) throw new Error(`containerd does not answer:\n${this.#lastWords()}`);
      await clock.sleep(READY_POLL_MS, signal);
    }
  }

  async #answers(): Promise<boolean> {
    using runtime = new ContainerdRuntime(this.socketPath);
    // Awaited here: the client must not be closed before it has its answer.
    return await runtime.status().then(
      () => true,
      () => false,
    );
  }

  /** By the pid that was written down, if that is still containerd: after a power cut it may be anything. */
  #pid(): number | undefined {
    try {
      const pid = Number(readFileSync(this.#pidPath, 'utf8'));
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      // A zombie has no command line: it is dead, and reaped by the next turn of the event loop.
      return command.includes(this.#configPath) ? pid : undefined;
    } catch {
      return undefined;
    }
  }

  #isAlive(): boolean {
    return this.#pid() !== undefined;
  }

  #logPath(): string {
    return join(dirname(this.#configPath), 'containerd.log');
  }

  #lastWords(): string {
    try {
      return readFileSync(this.#logPath(), 'utf8').split('\n').slice(-6).join('\n');
    } catch {
      return '';
    }
  }
}
