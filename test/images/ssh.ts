/** Commands in a guest, with a key that `coracle.yaml` let in. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { run } from '#firmware/build/run.ts';

export interface SshKey {
  readonly path: string;
  readonly publicKey: string;
}

export async function makeSshKey(folder: string): Promise<SshKey> {
  const path = join(folder, 'ssh-key');
  await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'test', '-f', path]);
  return { path, publicKey: (await readFile(`${path}.pub`, 'utf8')).trim() };
}

export class Shell {
  readonly #key: SshKey;
  readonly #port: number;
  readonly #beyond: string | undefined;
  readonly #kept: readonly string[];

  /** `beyond`: of a board that is reached through the one at that port. */
  constructor(key: SshKey, port: number, beyond?: string, kept: readonly string[] = []) {
    this.#key = key;
    this.#port = port;
    this.#beyond = beyond;
    this.#kept = kept;
  }

  /** Over one connection, for many commands in a row: an emulated board needs seconds for a new one. It must stay up meanwhile. */
  kept(): Shell {
    const path = join(dirname(this.#key.path), 'ssh-%C');
    const options = ['ControlMaster=auto', 'ControlPersist=60', `ControlPath=${path}`];
    return new Shell(
      this.#key,
      this.#port,
      this.#beyond,
      options.flatMap((option) => ['-o', option]),
    );
  }

  /** What the command prints; rejects if it fails. */
  run(command: string, input?: string | Uint8Array): Promise<string> {
    const first = [...this.#common(), '-p', String(this.#port), 'root@127.0.0.1'];
    const through = `ProxyCommand=ssh ${[...first.slice(0, -1), '-W', '%h:%p', 'root@127.0.0.1'].join(' ')}`;
    const where = this.#beyond ? [...this.#common(), '-o', through, `root@${this.#beyond}`] : first;
    return run('ssh', [...this.#kept, ...where, command], input === undefined ? {} : { input });
  }

  /** A SOCKS proxy at this port of loopback, into the network of the board. The caller ends it. */
  proxy(port: number): ChildProcess {
    const where = ['-p', String(this.#port), 'root@127.0.0.1'];
    return spawn('ssh', [...this.#common(), '-N', '-D', `127.0.0.1:${port}`, ...where], { stdio: 'ignore' });
  }

  #common(): readonly string[] {
    return [
      ...['-i', this.#key.path, '-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null'],
      ...['-o', 'LogLevel=ERROR', '-o', 'ConnectTimeout=30'],
      ...['-o', 'ServerAliveInterval=5', '-o', 'ServerAliveCountMax=12'],
    ];
  }

  async ready(timeoutMs: number): Promise<void> {
    const until = performance.now() + timeoutMs;
    for (;;) {
      try {
        await this.run('true');
        return;
      } catch (err) {
        if (performance.now() > until) throw err;
        await sleep(500);
      }
    }
  }
}
