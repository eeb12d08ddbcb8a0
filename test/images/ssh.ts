/** Commands in a guest, with a key that `coracle.yaml` let in. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
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

  constructor(key: SshKey, port: number) {
    this.#key = key;
    this.#port = port;
  }

  /** What the command prints; rejects if it fails. */
  run(command: string, input?: string): Promise<string> {
    return run(
      'ssh',
      [
        ...['-i', this.#key.path, '-p', String(this.#port), '-o', 'StrictHostKeyChecking=no'],
        ...['-o', 'UserKnownHostsFile=/dev/null', '-o', 'LogLevel=ERROR', '-o', 'ConnectTimeout=10'],
        ...['-o', 'ServerAliveInterval=5', '-o', 'ServerAliveCountMax=6', 'root@127.0.0.1', command],
      ],
      input === undefined ? {} : { input },
    );
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
