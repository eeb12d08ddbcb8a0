/**
 * HAProxy as our child, and what is left of it: a new configuration is a new process, which takes the listening sockets over
 * from the one before (`-x`), so that no connection is refused; the one before serves what it has to the end. Guarantees:
 * - a configuration that HAProxy does not take leaves the running one as it is;
 * - of processes that are on their way out there are at most {@link MAX_LEAVING}: each costs 10 MB, and a WebSocket may
 *   never end. The oldest is cut off;
 * - one that an agent which was killed left behind is taken over like our own.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Clock } from '#proto/meta/clock.ts';
import type { Logger } from '#proto/meta/log.ts';
import { askProxy } from './runtime-api.ts';

export interface ProxyProcessOptions {
  /** Gives the whole command line of the arguments of HAProxy. */
  readonly command: (args: readonly string[]) => readonly string[];
  /** Holds `current`, and a folder for each generation. */
  readonly directory: string;
  /** Where the proxy makes its sockets: its own, because it may write nowhere else. */
  readonly sockets: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** The newest process has ended, though nobody told it to. */
  readonly onExit: (reason: string) => void;
}

/** A process that serves, ours or one that was left to us. */
interface Serving {
  readonly pid: number;
  readonly generation: number;
  readonly socket: string;
  readonly ports: readonly number[];
}

const MAX_LEAVING = 3;
const READY_MS = 10_000;
const READY_STEP_MS = 20;
const STOP_MS = 5_000;
const CURRENT = 'current';

export class ProxyProcess {
  readonly #options: ProxyProcessOptions;
  readonly #leaving: Serving[] = [];
  readonly #children = new Set<ChildProcess>();
  #serving: Serving | undefined;
  #generation: number;

  constructor(options: ProxyProcessOptions) {
    this.#options = options;
    this.#serving = this.#leftover();
    this.#generation = Math.max(0, ...this.#generations());
  }

  get isRunning(): boolean {
    return this.#serving !== undefined;
  }

  /** Those that it listens on. */
  get ports(): readonly number[] {
    return this.#serving?.ports ?? [];
  }

  /** Where the next configuration is to be written, and what its runtime socket is to be called. */
  next(): { readonly directory: string; readonly socket: string } {
    const generation = ++this.#generation;
    return { directory: this.#folder(generation), socket: this.#socket(generation) };
  }

  /** Rejects with HAProxy's words when it does not take the configuration of {@link next}. */
  async check(): Promise<void> {
    const config = join(this.#folder(this.#generation), 'haproxy.cfg');
    const { code, words } = await this.#run(['-c', '-f', config]);
    if (code !== 0) throw new Error(words || `exit code ${code}`);
  }

  /** Serves the configuration of {@link next}; when it resolves, new connections are the new process's. */
  async serve(ports: readonly number[]): Promise<void> {
    const generation = this.#generation;
    const socket = this.#socket(generation);
    const before = this.#serving;
    const [program = '', ...args] = this.#options.command([
      ...['-db', '-f', join(this.#folder(generation), 'haproxy.cfg')],
      ...(before ? ['-x', before.socket] : []),
    ]);
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    shieldNoMore(child);
    const reason = this.#follow(child, generation);
    await this.#untilReady(socket, reason);
    this.#serving = { pid: child.pid ?? 0, generation, socket, ports };
    writeFileSync(join(this.#options.directory, CURRENT), JSON.stringify(this.#serving), {
      mode: 0o600,
    });
    if (before) this.#retire(before);
  }

  /** Gives up what {@link next} was for. */
  discard(): void {
    if (this.#serving?.generation !== this.#generation)
      rmSync(this.#folder(this.#generation), { recursive: true, force: true });
  }

  /** Rejects when nothing runs or it does not answer. */
  async tell(commands: readonly string[]): Promise<string> {
    if (!this.#serving) throw new Error('no proxy runs');
    return askProxy(this.#serving.socket, commands);
  }

  /** Resolves when all of it has ended. `gently`: connections may first come to their end. */
  async stop(gently: boolean): Promise<void> {
    const all = [...this.#leaving, ...(this.#serving ? [this.#serving] : [])];
    this.#serving = undefined;
    for (const one of all) signal(one, gently ? 'SIGUSR1' : 'SIGTERM');
    const { clock } = this.#options;
    const until = clock.now() + STOP_MS;
    while (all.some(isAlive) && clock.now() < until) await clock.sleep(50);
    for (const one of all) signal(one, 'SIGKILL');
    rmSync(this.#options.directory, { recursive: true, force: true });
  }

  /** Resolves with why it ended. */
  #follow(child: ChildProcess, generation: number): Promise<string> {
    this.#children.add(child);
    let last = '';
    if (child.stderr)
      createInterface({ input: child.stderr }).on('line', (line) => {
        if (/ALERT|WARNING/.test(line)) last = line;
        this.#options.log.debug('haproxy', { line });
      });
    return new Promise((resolve) => {
      const done = (how: string): void => {
        this.#children.delete(child);
        const reason = last ? `${how}: ${last}` : how;
        resolve(reason);
        this.#ended(generation, reason);
      };
      child.once('error', (err) => done(err.message));
      child.once('exit', (code, by) => done(`exit ${code ?? by}`));
    });
  }

  #ended(generation: number, reason: string): void {
    const at = this.#leaving.findIndex((one) => one.generation === generation);
    if (at >= 0) this.#leaving.splice(at, 1);
    rmSync(this.#folder(generation), { recursive: true, force: true });
    rmSync(this.#socket(generation), { force: true });
    if (this.#serving?.generation !== generation) return;
    this.#serving = undefined;
    this.#options.onExit(reason);
  }

  async #untilReady(socket: string, reason: Promise<string>): Promise<void> {
    const { clock } = this.#options;
    let ended: string | undefined;
    void reason.then((words) => (ended = words));
    for (const until = clock.now() + READY_MS; clock.now() < until; ) {
      if (ended !== undefined) throw new Error(ended);
      if (existsSync(socket) && (await askProxy(socket, ['show info']).catch(() => ''))) return;
      await clock.sleep(READY_STEP_MS);
    }
    throw new Error('the proxy does not become ready');
  }

  #retire(old: Serving): void {
    signal(old, 'SIGUSR1');
    // Its files are read already; keys are not to lie about longer than they are used.
    rmSync(this.#folder(old.generation), { recursive: true, force: true });
    this.#leaving.push(old);
    for (const gone of this.#leaving.filter((one) => !isAlive(one)))
      this.#leaving.splice(this.#leaving.indexOf(gone), 1);
    while (this.#leaving.length > MAX_LEAVING) {
      const oldest = this.#leaving.shift();
      if (oldest) signal(oldest, 'SIGTERM');
    }
  }

  #run(args: readonly string[]): Promise<{ readonly code: number | null; readonly words: string }> {
    const [program = '', ...rest] = this.#options.command(args);
    return new Promise((resolve, reject) => {
      const child = spawn(program, rest, { stdio: ['ignore', 'ignore', 'pipe'], timeout: READY_MS });
      let words = '';
      child.stderr.setEncoding('utf8').on('data', (text: string) => (words += text));
      child.once('error', reject);
      child.once('close', (code) => resolve({ code, words: words.trim().slice(0, 4_000) }));
    });
  }

  #leftover(): Serving | undefined {
    try {
      const found = JSON.parse(readFileSync(join(this.#options.directory, CURRENT), 'utf8')) as Serving;
      // The number may be another program's by now.
      const command = readFileSync(`/proc/${found.pid}/cmdline`, 'utf8');
      return command.includes(this.#folder(found.generation)) ? found : undefined;
    } catch {
      return undefined;
    }
  }

  #generations(): number[] {
    const { directory, sockets } = this.#options;
    const numbers = [directory, sockets].flatMap((folder) => (existsSync(folder) ? readdirSync(folder) : []));
    return numbers.map((name) => Number.parseInt(name, 10)).filter(Number.isInteger);
  }

  #folder(generation: number): string {
    return join(this.#options.directory, String(generation));
  }

  #socket(generation: number): string {
    return join(this.#options.sockets, `${generation}.sock`);
  }
}

/** The agent may be the last that the kernel kills for memory; a proxy is started again in a moment, and is not. */
function shieldNoMore({ pid }: ChildProcess): void {
  try {
    if (pid) writeFileSync(`/proc/${pid}/oom_score_adj`, '0');
  } catch {
    // It has ended, or the kernel has no such thing.
  }
}

function isAlive({ pid }: Serving): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function signal(one: Serving, name: NodeJS.Signals): void {
  try {
    if (one.pid > 0) process.kill(one.pid, name);
  } catch {
    // It has ended.
  }
}
