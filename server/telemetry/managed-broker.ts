/** Debian's mosquitto as our child, without privileges, configured by files in memory that nobody else can read. */
import type { ChildProcess } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { spawnWithoutFiles } from '#server/store/leveldb/spawn-without-files.ts';
import type { BrokerAccess } from './access.plan.ts';
import { type Broker, type BrokerOptions, isFree } from './broker.ts';
import {
  type MosquittoPaths,
  planMosquittoAcl,
  planMosquittoConfig,
  planMosquittoPasswords,
} from './mosquitto.plan.ts';
import { Supervisor } from './supervisor.ts';

export interface ManagedBrokerOptions extends BrokerOptions {
  readonly program: string;
  /** In memory: it holds keys and is written anew at each start. Ours alone. */
  readonly directory: string;
}

const NOBODY = 65_534;

export class ManagedBroker implements Broker {
  readonly #options: ManagedBrokerOptions;
  readonly #paths: MosquittoPaths & { readonly config: string; readonly pid: string };
  readonly #supervisor: Supervisor;
  #acl: string;
  #passwords = '';
  #child: ChildProcess | undefined;

  constructor(options: ManagedBrokerOptions) {
    this.#options = options;
    const { boards, clock, random, log } = options;
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
    this.#acl = planMosquittoAcl({ nodeNames: [], users: [] });
    const address = `${boards.host}:${boards.port}`;
    this.#supervisor = new Supervisor({ spawn: () => this.#spawn(), address, clock, random, log });
  }

  admit(access: BrokerAccess): void {
    const acl = planMosquittoAcl(access);
    const passwords = planMosquittoPasswords(access);
    if (acl === this.#acl && passwords === this.#passwords) return;
    this.#acl = acl;
    this.#passwords = passwords;
    // Before the first start all files are written together.
    if (!this.#child) return;
    try {
      this.#write(this.#paths.acl, acl);
      this.#write(this.#paths.passwords, passwords);
      this.#child.kill('SIGHUP');
    } catch (err) {
      this.#options.log.error('the access list of the MQTT broker could not be written', { err });
    }
  }

  restart(reason: string): void {
    this.#supervisor.restart(reason);
  }

  async run(signal: AbortSignal): Promise<void> {
    this.#stopLeftover();
    await this.#supervisor.run(signal);
    rmSync(this.#options.directory, { recursive: true, force: true });
  }

  async #spawn(): Promise<ChildProcess> {
    await this.#prepare();
    const child = spawnWithoutFiles(this.#options.program, ['-c', this.#paths.config], {
      stdio: ['ignore', 'ignore', 'pipe'],
      ...unprivileged(),
    });
    this.#child = child;
    if (child.pid !== undefined) writeFileSync(this.#paths.pid, String(child.pid));
    return child;
  }

  async #prepare(): Promise<void> {
    const { directory, boards, people, localPort, ca, cert, key, log } = this.#options;
    mkdirSync(directory, { recursive: true, mode: 0o750 });
    chmodSync(directory, 0o750);
    share(directory);
    const local = await isFree(localPort);
    if (!local) log.warn('another program has the local MQTT port, going without it', { port: localPort });
    const listeners = { boards, people, localPort: local ? localPort : undefined };
    this.#write(this.#paths.config, planMosquittoConfig(this.#paths, listeners));
    this.#write(this.#paths.acl, this.#acl);
    this.#write(this.#paths.passwords, this.#passwords);
    this.#write(this.#paths.ca, ca);
    this.#write(this.#paths.cert, cert);
    this.#write(this.#paths.key, key);
  }

  #write(path: string, text: string): void {
    writeFileSync(path, text, { mode: 0o640 });
    share(path);
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
