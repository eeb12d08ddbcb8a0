/** `coracle upgrade --to FILE|URL`: rolls over the boards one by one, through the API and the links that boards keep open. */
import { createReadStream } from 'node:fs';
import { type ClientHttp2Session, connect } from 'node:http2';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { nodes } from '#proto/api/core/nodes.ts';
import { pods } from '#proto/api/core/pods.ts';
import { parseDuration } from '#proto/meta/duration.ts';
import { isNotFound, StatusError } from '#proto/meta/status-error.ts';
import type { Node } from '#proto/schema/generated/core-v1.ts';
import { readHead, type UpgradeManifest } from '#proto/upgrade/bundle.ts';
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

interface Flags extends KubeconfigFlags {
  readonly to: readonly string[];
  readonly node?: readonly string[];
  readonly again?: boolean;
  readonly timeout: string;
}

/** An upgrade that can be read as often as there are boards. */
interface Source extends UpgradeManifest {
  readonly open: () => Promise<Readable>;
}

const POLL_MS = 2_000;
const RETRY_MS = 10_000;
/** Nothing sent and nothing heard: the way to the board is gone. A board that reads its card back says nothing for a while. */
const STALL_MS = 5 * 60_000;

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
  readonly #options: HttpClientOptions;
  readonly #world: CliWorld;
  readonly #timeoutMs: number;

  constructor(client: ApiClient, options: HttpClientOptions, world: CliWorld, timeoutMs: number) {
    this.#client = client;
    this.#options = options;
    this.#world = world;
    this.#timeoutMs = timeoutMs;
  }

  async run(
    sources: readonly Source[],
    { node = [], again = false }: Pick<Flags, 'node' | 'again'>,
  ): Promise<void> {
    const { items } = await this.#client.list(nodes);
    const boards = await Promise.all(
      items.map(async ({ metadata: { name = '' } }) => ({ name, system: await this.#system(name) })),
    );
    const { steps, skipped } = planUpgrade(boards, sources, { only: node, again });
    for (const { node: name, reason } of skipped) this.#say(name, reason);
    if (steps.length === 0) return this.#world.out('nothing to upgrade\n');
    for (const { node: name, upgrade, from } of steps) {
      this.#say(name, `${from} to ${upgrade.version}`);
      await this.#one(name, upgrade);
    }
  }

  /** Throws when the board went back: the rest stays as it is. */
  async #one(name: string, source: Source): Promise<void> {
    const until = this.#world.now() + this.#timeoutMs;
    const before = await this.#mustSystem(name);
    const cordoned = (await this.#client.get(nodes, { name })).spec?.unschedulable === true;
    if (!cordoned) await this.#cordon(name, true);
    try {
      await this.#drain(name, until);
      this.#say(name, 'receives the upgrade');
      await this.#send(name, source, until);
      await this.#restart(name, before, until);
      this.#say(name, `runs ${source.version}`);
    } finally {
      if (!cordoned) await this.#patiently(until, () => this.#cordon(name, false));
    }
  }

  /** Again from the start when the way to the board breaks; what the board itself says no to is final. */
  async #send(name: string, source: Source, until: number): Promise<void> {
    for (;;) {
      try {
        await this.#call(name, 'PUT', await source.open());
        return;
      } catch (err) {
        if ((err instanceof StatusError && err.code === 400) || this.#world.now() > until) throw err;
        this.#say(name, `the upgrade did not get through, once more (${(err as Error).message.trim()})`);
        await sleep(RETRY_MS);
      }
    }
  }

  async #restart(name: string, before: BoardSystem, until: number): Promise<void> {
    let bootId = await this.#bootId(name);
    await this.#call(name, 'POST');
    let said = '';
    for (;;) {
      await sleep(POLL_MS);
      const now = await this.#bootId(name).catch(() => bootId);
      const progress = progressOf(
        now === bootId ? undefined : await this.#system(name).catch(() => undefined),
        before.slot,
        now === bootId,
      );
      if (progress.kind === 'rolled back')
        throw new Error(
          `node "${name}": the new system did not become healthy, the board is back on the old one`,
        );
      if (progress.kind === 'done') {
        if (!progress.kernelNext) return;
        this.#say(name, 'starts again with the new kernel');
        bootId = now;
        await this.#call(name, 'POST');
      } else if (said !== progress.why) {
        said = progress.why;
        this.#say(name, said);
      }
      if (this.#world.now() > until) throw new Error(`node "${name}": not done within --timeout`);
    }
  }

  /** Evicts, and waits until the Pods are gone: a budget may hold them for a while. */
  async #drain(name: string, until: number): Promise<void> {
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
    const body = { spec: { unschedulable: unschedulable || null } };
    return this.#client.patch(nodes, { name }, 'merge', body);
  }

  async #bootId(name: string): Promise<string> {
    const node = await this.#client.get(nodes, { name });
    const ready = node.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True');
    if (!ready) throw new Error(`node "${name}" is not Ready`);
    return node.status?.nodeInfo?.bootID ?? '';
  }

  async #system(name: string): Promise<BoardSystem | undefined> {
    const text = await this.#call(name, 'GET').catch((err: unknown) => {
      if (err instanceof StatusError && [404, 502, 503].includes(err.code)) return undefined;
      throw err;
    });
    return text === undefined ? undefined : (JSON.parse(text) as BoardSystem);
  }

  async #mustSystem(name: string): Promise<BoardSystem> {
    const system = await this.#system(name);
    if (!system) throw new Error(`node "${name}" is not in reach`);
    return system;
  }

  /** The board's own page, through the node proxy. */
  async #call(name: string, method: 'GET' | 'PUT' | 'POST', body?: Readable): Promise<string> {
    const { server, ca, cert, key, token } = this.#options;
    // HTTP/2, for a request of HTTP/1.1 must have come in whole within five minutes: too short for a card on slow Wi-Fi.
    const session = connect(server, {
      ...(ca ? { ca } : {}),
      ...(cert ? { cert } : {}),
      ...(key ? { key } : {}),
    });
    try {
      return await answerOf(session, name, method, token, body);
    } finally {
      session.close();
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

async function answerOf(
  session: ClientHttp2Session,
  name: string,
  method: string,
  token: string | undefined,
  body: Readable | undefined,
): Promise<string> {
  const request = session.request(
    {
      ':method': method,
      ':path': `/api/v1/nodes/${encodeURIComponent(name)}/proxy/coracle/system`,
      ...(token ? { authorization: `Bearer ${token}` } : {}),
    },
    { endStream: body === undefined },
  );
  const answered = new Promise<{ code: number; text: string }>((resolve, reject) => {
    let code = 0;
    let text = '';
    session.on('error', reject);
    session.setTimeout(STALL_MS, () => session.destroy(new Error('the board does not answer')));
    request.once('error', reject);
    request.once('response', (headers) => {
      code = Number(headers[':status'] ?? 0);
    });
    request.setEncoding('utf8');
    request.on('data', (chunk: string) => {
      text += chunk;
    });
    request.once('close', () =>
      code === 0 ? reject(new Error(`node "${name}": no answer`)) : resolve({ code, text }),
    );
  });
  // A board that refuses stops reading: its answer counts, not the broken pipe.
  if (body) pipeline(body, request).catch(() => {});
  const { code, text } = await answered;
  if (code < 300) return text;
  throw new StatusError('InternalError', `node "${name}": ${messageOf(text)}`, { code });
}

/** Of a Status, or the text itself. */
function messageOf(text: string): string {
  try {
    const { message } = JSON.parse(text) as { message?: unknown };
    if (typeof message === 'string') return message;
  } catch {
    // Plain text, as a kubelet answers.
  }
  return text.trim();
}

async function openSource(from: string): Promise<Source> {
  const isUrl = /^https?:\/\//.test(from);
  const open = async (): Promise<Readable> => {
    if (!isUrl) return createReadStream(from);
    const response = await fetch(from);
    if (!response.ok || !response.body) throw new Error(`${from}: ${response.status} ${response.statusText}`);
    return Readable.fromWeb(response.body as never);
  };
  const stream = await open();
  try {
    const { manifest } = await readHead(stream);
    return { ...manifest, open };
  } catch (err) {
    throw new Error(`${from}: ${(err as Error).message}`);
  } finally {
    stream.destroy();
  }
}
