/** `coracle upgrade --to FILE|URL`: rolls over the boards one by one, through the API and the links that boards keep open. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { nodes } from '#proto/api/core/nodes.ts';
import { pods } from '#proto/api/core/pods.ts';
import { parseDuration } from '#proto/meta/duration.ts';
import { isNotFound, StatusError } from '#proto/meta/status-error.ts';
import type { Node } from '#proto/schema/generated/core-v1.ts';
import type { ApiClient } from '#server/client/client.ts';
import type { HttpClientOptions } from '#server/client/http-client.ts';
import {
  type CliWorld,
  connected,
  type KubeconfigFlags,
  realWorld,
  withKubeconfig,
} from './cluster-command.ts';
import { type BoardSystem, planDrain, planUpgrade, progressOf } from './upgrade.plan.ts';
import { BoardPage, openSource, type Source } from './upgrade-board.ts';

interface Flags extends KubeconfigFlags {
  readonly to: readonly string[];
  readonly node?: readonly string[];
  readonly again?: boolean;
  readonly timeout: string;
}

/** On a node that an upgrade keeps new Pods off, so that nobody has to guess who did. */
const CORDONED = 'coracle.dev/upgrading';

const POLL_MS = 2_000;
const RETRY_MS = 10_000;
/** How often a person hears how much of an upgrade has gone. */
const PARTS = 4;

export function addUpgradeCommand(program: Command, world: CliWorld = realWorld()): void {
  withKubeconfig(program.command('upgrade').summary('bring flashed boards to another version, one by one'))
    .description(
      'Rolls an upgrade over the boards that were flashed with an image: the server first, then one agent after the other. ' +
        'Pods move away, the board starts with the new system, and keeps it only if it is healthy; otherwise it goes back by ' +
        'itself and nothing more is upgraded. Run on the server as root.',
    )
    .requiredOption('--to <FILE|URL...>', 'the upgrade; one for each kind of board')
    .option('--node <NAME...>', 'only these boards')
    .option('--again', 'also boards that have this version already')
    .option('--timeout <DURATION>', 'how long one board may take', '30m')
    .action((flags: Flags) =>
      connected(world, flags, async (client, options) => {
        const nanoseconds = parseDuration(flags.timeout);
        if (nanoseconds === undefined || nanoseconds <= 0n)
          throw new Error(`--timeout: ${JSON.stringify(flags.timeout)} is not a duration such as 30m`);
        const roll = new Roll(client, options, world, Number(nanoseconds / 1_000_000n));
        await roll.run(await Promise.all(flags.to.map(openSource)), flags);
      }),
    );
}

class Roll {
  readonly #client: ApiClient;
  readonly #page: BoardPage;
  readonly #world: CliWorld;
  readonly #timeoutMs: number;

  constructor(client: ApiClient, options: HttpClientOptions, world: CliWorld, timeoutMs: number) {
    this.#client = client;
    this.#page = new BoardPage(options);
    this.#world = world;
    this.#timeoutMs = timeoutMs;
  }

  async run(
    sources: readonly Source[],
    { node = [], again = false }: Pick<Flags, 'node' | 'again'>,
  ): Promise<void> {
    const { items } = await this.#client.list(nodes);
    const boards = await Promise.all(
      items.map(async ({ metadata: { name = '' } }) => ({ name, system: await this.#page.system(name) })),
    );
    const { steps, skipped } = planUpgrade(boards, sources, {
      only: node,
      again,
      serverVersion: await this.#serverVersion(),
    });
    for (const { node: name, reason } of skipped) this.#say(name, reason);
    if (steps.length === 0) return this.#world.out('nothing to upgrade\n');
    const names = steps.map(({ node: name }) => name);
    this.#world.out(`${boardCount(names.length)} to upgrade, one by one: ${names.join(', ')}\n`);
    for (const [index, { node: name, upgrade, from }] of steps.entries()) {
      this.#say(name, `goes from ${from} to ${upgrade.version}`);
      try {
        await this.#one(name, upgrade);
      } catch (err) {
        const left = names.slice(index + 1);
        if (left.length > 0) this.#world.out(`left as they are: ${left.join(', ')}\n`);
        throw err;
      }
    }
    this.#world.out(`${boardCount(names.length)} upgraded\n`);
  }

  /** Of Coracle, where the server's board is none that was flashed. */
  async #serverVersion(): Promise<string | undefined> {
    const { gitVersion } = await this.#page.version();
    return /\+coracle\.(.+)$/.exec(gitVersion)?.[1];
  }

  /** Throws when the board went back: the rest stays as it is. */
  async #one(name: string, source: Source): Promise<void> {
    const until = this.#world.now() + this.#timeoutMs;
    const before = await this.#reached(name, until);
    const { spec, metadata } = await this.#client.get(nodes, { name });
    // An earlier run that was cut short may have left it so.
    const ours = spec?.unschedulable !== true || metadata.annotations?.[CORDONED] !== undefined;
    if (ours) await this.#cordon(name, true);
    try {
      await this.#drain(name, until);
      await this.#send(name, source, until);
      await this.#restart(name, before, until);
      this.#say(name, `runs ${source.version}`);
    } finally {
      if (ours) await this.#patiently(until, () => this.#cordon(name, false));
    }
  }

  /** Again from the start when the way to the board breaks; what the board itself says no to is final. */
  async #send(name: string, source: Source, until: number): Promise<void> {
    const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(0);
    for (;;) {
      let part = 0;
      const sent = (bytes: number): void => {
        const now = Math.floor((bytes / source.sizeBytes) * PARTS);
        if (now <= part) return;
        part = now;
        this.#say(
          name,
          now < PARTS
            ? `${megabytes(bytes)} of ${megabytes(source.sizeBytes)} MB are there`
            : 'all of it is there, the board checks it',
        );
      };
      try {
        this.#say(name, `the upgrade is sent, ${megabytes(source.sizeBytes)} MB`);
        await this.#page.receive(name, source, sent);
        return;
      } catch (err) {
        if ((err instanceof StatusError && err.code === 400) || this.#world.now() > until) throw err;
        this.#say(name, `it did not get through, once more (${(err as Error).message.trim()})`);
        await sleep(RETRY_MS);
      }
    }
  }

  async #restart(name: string, before: BoardSystem, until: number): Promise<void> {
    let bootId = (await this.#client.get(nodes, { name })).status?.nodeInfo?.bootID ?? '';
    await this.#page.restart(name);
    let said = '';
    for (;;) {
      await sleep(POLL_MS);
      const now = await this.#bootId(name).catch(() => bootId);
      const progress = progressOf(
        now === bootId ? undefined : await this.#page.system(name).catch(() => undefined),
        before.slot,
        now === bootId,
      );
      if (progress.kind === 'rolled back')
        throw new Error(
          `node "${name}": the new system did not become healthy, the board is back on the old one`,
        );
      if (progress.kind === 'done') {
        if (!progress.kernelNext) return;
        this.#say(name, 'the new system is healthy; starts once more, for its kernel');
        bootId = now;
        await this.#page.restart(name);
      } else if (said !== progress.why) {
        said = progress.why;
        this.#say(name, said);
      }
      if (this.#world.now() > until) throw new Error(`node "${name}": not done within --timeout`);
    }
  }

  /** Evicts, and waits until the Pods are gone: a budget may hold them for a while. */
  async #drain(name: string, until: number): Promise<void> {
    let said = 0;
    for (;;) {
      const { items } = await this.#client.list(pods, { fieldSelector: `spec.nodeName=${name}` });
      const leaving = planDrain(
        items.map(({ metadata, status }) => ({
          namespace: metadata.namespace ?? '',
          name: metadata.name ?? '',
          controller: metadata.ownerReferences?.find(({ controller }) => controller)?.kind,
          mirror: metadata.annotations?.['kubernetes.io/config.mirror'] !== undefined,
          finished: ['Succeeded', 'Failed'].includes(status?.phase ?? ''),
        })),
      );
      if (leaving.length === 0) return;
      if (leaving.length !== said)
        this.#say(
          name,
          `${leaving.length === 1 ? '1 Pod moves' : `${leaving.length} Pods move`} to other boards`,
        );
      said = leaving.length;
      for (const pod of leaving) await this.#evict(pod.namespace, pod.name);
      if (this.#world.now() > until)
        throw new Error(`node "${name}": ${leaving.length} Pods could not be moved within --timeout`);
      await sleep(POLL_MS);
    }
  }

  async #evict(namespace: string, name: string): Promise<void> {
    const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { namespace, name } };
    try {
      await this.#client.post(pods, { namespace, name }, 'eviction', eviction);
    } catch (err) {
      // Gone already; or a disruption budget says: not now.
      if (!isNotFound(err) && !(err instanceof StatusError && err.code === 429)) throw err;
    }
  }

  #cordon(name: string, unschedulable: boolean): Promise<Node> {
    const body = {
      metadata: { annotations: { [CORDONED]: unschedulable ? 'yes' : null } },
      spec: { unschedulable: unschedulable || null },
    };
    return this.#client.patch(nodes, { name }, 'merge', body);
  }

  /** Of a board that is Ready. */
  async #bootId(name: string): Promise<string> {
    const node = await this.#client.get(nodes, { name });
    const ready = node.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True');
    if (!ready) throw new Error(`node "${name}" is not Ready`);
    return node.status?.nodeInfo?.bootID ?? '';
  }

  /** After the server's own turn its boards come back one after the other. */
  async #reached(name: string, until: number): Promise<BoardSystem> {
    for (let first = true; ; first = false) {
      const system = await this.#page.system(name).catch(() => undefined);
      if (system) return system;
      if (this.#world.now() > until) throw new Error(`node "${name}" is not in reach`);
      if (first) this.#say(name, 'is not in reach, and waited for');
      await sleep(POLL_MS);
    }
  }

  async #patiently(until: number, work: () => Promise<unknown>): Promise<void> {
    for (;;) {
      try {
        await work();
        return;
      } catch (err) {
        if (this.#world.now() > until) throw err;
        await sleep(POLL_MS);
      }
    }
  }

  #say(name: string, what: string): void {
    this.#world.out(`node "${name}": ${what}\n`);
  }
}

const boardCount = (count: number): string => (count === 1 ? '1 board' : `${count} boards`);
