/**
 * Debian's mosquitto as our child: configured by us, without privileges, started again with growing pauses when it ends.
 * Whatever happens to it, nothing here throws at the server, and nothing waits for it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { HostPort } from '#proto/config/options.ts';
import type { Clock } from '#proto/meta/clock.ts';
import type { Logger } from '#proto/meta/log.ts';
import { backoffMs } from '#server/client/backoff.ts';
import { type MosquittoPaths, planMosquittoAcl, planMosquittoConfig } from './mosquitto.plan.ts';
import { passwordLine } from './mosquitto-password.ts';

export interface ManagedBrokerOptions {
  readonly program: string;
  /** In memory: it holds keys and is written anew at each start. Ours alone. */
  readonly directory: string;
  readonly listen: HostPort;
  readonly localPort: number;
  /** PEM. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
}

const BACKOFF = { baseMs: 1_000, maxMs: 60_000 };
const HEALTHY_MS = 60_000;
const STOP_MS = 5_000;
const LOUD_ATTEMPTS = 4;
const NOBODY = 65_534;

export class ManagedBroker {
  readonly #options: ManagedBrokerOptions;
  readonly #paths: MosquittoPaths & { readonly config: string; readonly pid: string };
  #child: ChildProcess | undefined;
  #acl = '';

  constructor(options: ManagedBrokerOptions) {
    this.#options = options;
    const at = (name: string): string => join(options.directory, name);
    this.#paths = {
      config: at('mosquitto.conf'),
      acl: at('acl'),
      passwords: at('passwords'),
      ca: at('ca.crt'),
      cert: at('server.crt'),
      key: at('server.key'),
      pid: at('pid'),
    };
  }

  /** The boards that may publish, each below its own name. Takes effect at once. */
  admit(nodeNames: readonly string[]): void {
    const acl = planMosquittoAcl(nodeNames);
    if (acl === this.#acl) return;
    this.#acl = acl;
    // Before the first start all files are written together.
    if (!this.#child) return;
    try {
      this.#write(this.#paths.acl, acl);
      this.#child.kill('SIGHUP');
    } catch (err) {
      this.#options.log.error('the access list of the MQTT broker could not be written', { err });
    }
  }

  /** Runs until the signal. `passwords` by user. */
  async run(passwords: Readonly<Record<string, string>>, signal: AbortSignal): Promise<void> {
    const { program, clock, random, log } = this.#options;
    this.#stopLeftover();
    for (let attempt = 0; !signal.aborted; attempt++) {
      const began = clock.now();
      let reason: string;
      try {
        await this.#prepare(passwords);
        const child = spawn(program, ['-c', this.#paths.config], {
          stdio: ['ignore', 'ignore', 'pipe'],
          ...unprivileged(),
        });
        reason = await this.#ended(child, attempt, signal);
      } catch (err) {
        reason = (err as Error).message;
      }
      this.#child = undefined;
      if (signal.aborted) break;
      if (clock.now() - began > HEALTHY_MS) attempt = 0;
      const delayMs = Math.round(backoffMs(attempt, BACKOFF, random));
      // Another program that keeps the port is worth a few lines, not one a minute for ever.
      const say = attempt < LOUD_ATTEMPTS ? log.warn.bind(log) : log.debug.bind(log);
      say('the MQTT broker ended, starting it again', { reason, delayMs });
      await clock.sleep(delayMs, signal).catch(() => {});
    }
    rmSync(this.#options.directory, { recursive: true, force: true });
  }

  async #prepare(passwords: Readonly<Record<string, string>>): Promise<void> {
    const { directory, listen, localPort, ca, cert, key, log } = this.#options;
    mkdirSync(directory, { recursive: true, mode: 0o750 });
    chmodSync(directory, 0o750);
    share(directory);
    const local = await isFree(localPort);
    if (!local) log.warn('another program has the local MQTT port, going without it', { port: localPort });
    this.#acl ||= planMosquittoAcl([]);
    this.#write(
      this.#paths.config,
      planMosquittoConfig(this.#paths, { tls: listen, localPort: local ? localPort : undefined }),
    );
    this.#write(this.#paths.acl, this.#acl);
    const lines = Object.entries(passwords).map(([user, password]) => passwordLine(user, password));
    this.#write(this.#paths.passwords, `${lines.join('\n')}\n`);
    this.#write(this.#paths.ca, ca);
    this.#write(this.#paths.cert, cert);
    this.#write(this.#paths.key, key);
  }

  #write(path: string, text: string): void {
    writeFileSync(path, text, { mode: 0o640 });
    share(path);
  }

  #ended(child: ChildProcess, attempt: number, signal: AbortSignal): Promise<string> {
    const { log, listen } = this.#options;
    return new Promise((resolve) => {
      let timer: NodeJS.Timeout | undefined;
      let last = '';
      const stop = (): void => {
        child.kill('SIGTERM');
        timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
      };
      const done = (how: string): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', stop);
        resolve(last ? `${how}: ${last}` : how);
      };
      child.once('spawn', () => {
        this.#child = child;
        writeFileSync(this.#paths.pid, String(child.pid));
        const say = attempt < LOUD_ATTEMPTS ? log.info.bind(log) : log.debug.bind(log);
        say('the MQTT broker runs', { address: `${listen.host}:${listen.port}`, pid: child.pid });
      });
      child.once('error', (err) => done(err.message));
      child.once('exit', (code, by) => done(`exit ${code ?? by}`));
      if (child.stderr)
        createInterface({ input: child.stderr }).on('line', (line) => {
          last = line;
          log.debug('mosquitto', { line });
        });
      if (signal.aborted) stop();
      else signal.addEventListener('abort', stop, { once: true });
    });
  }

  /** A server that was killed could not stop its broker, which still has the port. */
  #stopLeftover(): void {
    try {
      const pid = Number(readFileSync(this.#paths.pid, 'utf8'));
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      if (pid > 1 && command.includes(this.#paths.config)) process.kill(pid, 'SIGTERM');
    } catch {
      // There is none.
    }
  }
}

/** Where mosquitto is; undefined where it is not installed. */
export function findMosquitto(path: string): string | undefined {
  const folders = [...path.split(delimiter), '/usr/sbin', '/usr/local/sbin'].filter(Boolean);
  return folders.map((folder) => join(folder, 'mosquitto')).find((file) => existsSync(file));
}

/** Debian's package brings a user for it. Empty where the server is not root itself. */
function unprivileged(): { readonly uid?: number; readonly gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith('mosquitto:'));
  const [, , uid, gid] = line?.split(':') ?? [];
  return { uid: Number(uid ?? NOBODY), gid: Number(gid ?? NOBODY) };
}

/** The broker reads and never writes: were it to be taken over, it could not make us follow a link of its own. */
function share(path: string): void {
  const { gid } = unprivileged();
  if (gid !== undefined) chownSync(path, 0, gid);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}
