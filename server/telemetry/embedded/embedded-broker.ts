/** The embedded broker as our child: see main.ts, which is what it runs. */
import type { ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { spawnWithoutFiles } from '#server/store/leveldb/spawn-without-files.ts';
import type { BrokerAccess } from '../access.plan.ts';
import { type Broker, type BrokerOptions, isFree } from '../broker.ts';
import { Supervisor } from '../supervisor.ts';
import type { BrokerMessage } from './messages.ts';

/** What it holds are messages and queues, all bounded: more would be a mistake of its own. */
const FLAGS = ['--optimize-for-size', '--max-semi-space-size=1', '--max-old-space-size=128'];
const ENVIRONMENT = { UV_THREADPOOL_SIZE: '1', MALLOC_ARENA_MAX: '1', MALLOC_TRIM_THRESHOLD_: '131072' };

export class EmbeddedBroker implements Broker {
  readonly #options: BrokerOptions;
  readonly #supervisor: Supervisor;
  #access: BrokerAccess = { nodeNames: [], users: [] };
  #told = '';
  #child: ChildProcess | undefined;

  constructor(options: BrokerOptions) {
    this.#options = options;
    const { boards, clock, random, log } = options;
    const address = `${boards.host}:${boards.port}`;
    this.#supervisor = new Supervisor({ spawn: () => this.#spawn(), address, clock, random, log });
  }

  admit(access: BrokerAccess): void {
    const told = JSON.stringify(access);
    if (told === this.#told) return;
    this.#told = told;
    this.#access = access;
    this.#tell({ kind: 'admit', access });
  }

  restart(reason: string): void {
    this.#supervisor.restart(reason);
  }

  run(signal: AbortSignal): Promise<void> {
    return this.#supervisor.run(signal);
  }

  async #spawn(): Promise<ChildProcess> {
    const { boards, people, localPort, ca, cert, key, log } = this.#options;
    const local = await isFree(localPort);
    if (!local) log.warn('another program has the local MQTT port, going without it', { port: localPort });
    const child = spawnWithoutFiles(process.execPath, [...FLAGS, program()], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      env: ENVIRONMENT,
    });
    this.#child = child;
    const listeners = { boards, people, localPort: local ? localPort : undefined };
    this.#tell({ kind: 'configure', ...listeners, ca, cert, key, access: this.#access });
    return child;
  }

  /** One that is ending takes nothing: the next one is told all at its start. */
  #tell(message: BrokerMessage): void {
    if (this.#child?.connected) this.#child.send(message, () => {});
  }
}

/** Beside the bundle; in the source tree, its source. */
function program(): string {
  const bundle = join(import.meta.dirname, 'broker.mjs');
  return existsSync(bundle) ? bundle : join(import.meta.dirname, 'main.ts');
}
