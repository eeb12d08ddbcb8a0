/** A cluster's own broker, as people's programs use it: `mosquitto_sub` and `mosquitto_pub` on the server's board. */
import { expect } from 'vitest';
import type { Board } from '../boards/board.ts';
import { eventually } from '../boards/eventually.ts';
import type { CommandResult } from '../boards/shell.ts';
import { type Cluster, CORACLE } from './cluster.ts';
import { Running } from './running.ts';

const KUBECONFIG = ['--kubeconfig', '/etc/coracle/kubeconfig.yaml'];

export class Mqtt {
  readonly #cluster: () => Cluster;
  readonly #passwords = new Map<string, string>();

  /** With `serverOn: 'board'`. */
  constructor(cluster: () => Cluster) {
    this.#cluster = cluster;
  }

  get #board(): Board {
    const board = this.#cluster().serverBoard;
    if (!board) throw new Error('the server has no board');
    return board;
  }

  onServer(argv: readonly string[]): Promise<CommandResult> {
    return this.#board.exec(argv);
  }

  /** `coracle mqtt user …`. */
  async user(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.onServer([
      ...CORACLE,
      'mqtt',
      'user',
      ...args,
      ...KUBECONFIG,
    ]);
    if (code !== 0) throw new Error(stderr);
    return stdout.trim();
  }

  /** Resolves when the broker knows it. */
  async createUser(name: string, ...flags: readonly string[]): Promise<void> {
    this.#passwords.set(name, await this.user('create', name, ...flags));
    await holds(async () => expect((await this.run(name, 'mosquitto_sub', '-t x -E')).code).toBe(0));
  }

  /** Runs it with a connection by password, on loopback; `line` is split at blanks. */
  run(
    user: string,
    program: 'mosquitto_sub' | 'mosquitto_pub',
    line: string,
    ...more: readonly string[]
  ): Promise<CommandResult> {
    return this.onServer([program, ...this.#login(user), ...line.split(' '), ...more]);
  }

  /** As {@link run}, with what a line of shell writes as its input. */
  pipe(shell: string, user: string, program: string, line: string): Promise<CommandResult> {
    return this.onServer(['sh', '-c', `${shell} | ${program} ${this.#login(user).join(' ')} ${line}`]);
  }

  /**
   * `mosquitto_sub`, which goes on until it is stopped: what is published after this has resolved is in its output, a line a
   * message. `line` is split at blanks.
   */
  async subscribe(user: string, line: string, format = '%p'): Promise<Running> {
    const sub = ['mosquitto_sub', ...this.#login(user), '-d', ...line.split(' '), '-F', format];
    const running = new Running(this.#board.inNetwork(['stdbuf', '-oL', ...sub]));
    try {
      // With -d it tells of the broker's acknowledgement; it would hold that line back until there are more.
      await running.says(/^Subscribed /m, 60_000);
    } catch (err) {
      await running.stop();
      throw err;
    }
    return running;
  }

  #login(user: string): readonly string[] {
    const server = ['-h', '127.0.0.1', '-p', '1883', '-V', 'mqttv5'];
    return [...server, '-u', user, '-P', this.#passwords.get(user) ?? ''];
  }

  /** What the broker holds or gets within the time, by topic. `dashboard` must be a user. */
  async listen(topic: string, seconds = 2): Promise<ReadonlyMap<string, string>> {
    const { stdout } = await this.run('dashboard', 'mosquitto_sub', `-t ${topic} -W ${seconds} -F`, '%t %p');
    return new Map(
      stdout
        .split('\n')
        .filter(Boolean)
        .map((line) => {
          const at = line.indexOf(' ');
          return [line.slice(0, at), line.slice(at + 1)];
        }),
    );
  }

  async value(topic: string): Promise<string | undefined> {
    return (await this.listen(topic)).get(topic);
  }

  /** Waits until the broker holds just this of a topic; undefined: nothing. */
  becomes(topic: string, wanted: string | undefined, timeoutMs?: number): Promise<boolean> {
    return holds(async () => expect(await this.value(topic)).toBe(wanted), timeoutMs);
  }
}

/** Repeats until nothing in it throws. */
export const holds = (check: () => Promise<void>, timeoutMs = 60_000): Promise<boolean> =>
  eventually(() => check().then(() => true), { timeoutMs });

export const availability = (node: string): string => `coracle/v1/nodes/${node}/availability`;
