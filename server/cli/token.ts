import { type Command, Option as Flag } from 'commander';
import { formatJoinToken, parseJoinToken } from '#proto/agent/join-token.ts';
import { endpoints } from '#proto/api/core/endpoints.ts';
import { parseDuration } from '#proto/meta/duration.ts';
import { timestamp } from '#proto/meta/timestamp.ts';
import { firstAddress } from '#proto/net/addresses.ts';
import { caHash } from '#proto/pki/key.ts';
import type { ApiClient } from '#server/client/client.ts';
import { HttpClient, type HttpClientOptions } from '#server/client/http-client.ts';
import { readKubeconfig } from '#server/client/kubeconfig-file.ts';
import type { StoredToken } from '#server/tokens/token-secret.ts';
import { createToken, deleteToken, listTokens } from '#server/tokens/tokens.ts';

/** What the commands need of the world; tests give their own. */
export interface TokenWorld {
  readonly out: (text: string) => void;
  /** For a person beside a script; undefined where nobody looks. */
  readonly hint: ((text: string) => void) | undefined;
  readonly now: () => number;
  readonly read: (kubeconfig: string) => HttpClientOptions;
  readonly connect: (options: HttpClientOptions) => ApiClient & { close?(): void };
}

const realWorld = (): TokenWorld => ({
  out: (text) => void process.stdout.write(text),
  hint: process.stderr.isTTY ? (text) => void process.stderr.write(text) : undefined,
  now: () => Date.now(),
  read: readKubeconfig,
  connect: (options) => new HttpClient(options),
});

const DEFAULT_KUBECONFIG = '/etc/coracle/kubeconfig.yaml';

/** `coracle token create|list|delete`, over the API, with the administrator's kubeconfig. */
export function addTokenCommands(program: Command, world: TokenWorld = realWorld()): void {
  const token = program.command('token').summary('make, list and delete join tokens');
  token.description('Join tokens let other boards into the cluster. Run on the server as root.');

  withKubeconfig(token.command('create'))
    .description('Makes a join token and prints it.')
    .option('--ttl <DURATION>', 'how long it lasts, as 30m or 24h; 0: for ever', '24h')
    .option('--description <TEXT>', 'what it is for')
    .action(async (flags: Flags & { ttl: string; description?: string }) => {
      const ttlMs = ttlOf(flags.ttl);
      await connected(world, flags, (client, options) =>
        create(world, client, options, { ttlMs, description: flags.description }),
      );
    });

  withKubeconfig(token.command('list'))
    .description('Lists join tokens, without their secrets.')
    .action((flags: Flags) =>
      connected(world, flags, async (client) => {
        world.out(table(await listTokens(client), world.now()));
      }),
    );

  withKubeconfig(token.command('delete'))
    .description('Deletes join tokens. Boards that have joined stay.')
    .argument('<ID...>', 'ids, or whole tokens')
    .action((ids: string[], flags: Flags) =>
      connected(world, flags, async (client) => {
        for (const id of ids) {
          const { token: wanted } = parseJoinToken(id);
          await deleteToken(client, wanted);
          world.out(`token "${wanted.split('.')[0]}" deleted\n`);
        }
      }),
    );
}

interface Flags {
  readonly kubeconfig: string;
}

const withKubeconfig = (command: Command): Command =>
  command.addOption(
    new Flag('--kubeconfig <FILE>', "the administrator's kubeconfig")
      .env('KUBECONFIG')
      .default(DEFAULT_KUBECONFIG),
  );

async function connected(
  world: TokenWorld,
  { kubeconfig }: Flags,
  run: (client: ApiClient, options: HttpClientOptions) => Promise<void>,
): Promise<void> {
  const options = world.read(kubeconfig || DEFAULT_KUBECONFIG);
  const client = world.connect(options);
  try {
    await run(client, options);
  } finally {
    client.close?.();
  }
}

function ttlOf(text: string): number {
  const nanoseconds = parseDuration(text);
  if (nanoseconds === undefined || nanoseconds < 0n)
    throw new Error(`--ttl: ${JSON.stringify(text)} is not a duration such as 30m, 24h or 0`);
  const ms = Number(nanoseconds / 1_000_000n);
  if (ms === 0 && nanoseconds !== 0n) throw new Error('--ttl: the token would be over at once');
  return ms;
}

async function create(
  { now, out, hint }: TokenWorld,
  client: ApiClient,
  { server, ca }: HttpClientOptions,
  wanted: { readonly ttlMs: number; readonly description: string | undefined },
): Promise<void> {
  const caPin = ca === undefined ? undefined : caHash(ca);
  const token = await createToken(client, { now: now(), ...wanted });
  const text = formatJoinToken({ token, caPin });
  out(`${text}\n`);
  if (!hint) return;
  hint(
    `\nOn the other board:\n\n  coracle agent --server ${await reachable(client, server)} --token ${text}\n`,
  );
}

/** The server as other boards reach it: the kubeconfig beside it says loopback. */
async function reachable(client: ApiClient, server: string): Promise<string> {
  const { hostname, port } = new URL(server);
  if (!/^(localhost|127\..*|\[::1\])$/.test(hostname)) return server;
  const advertised = await client.get(endpoints, { namespace: 'default', name: 'kubernetes' }).then(
    ({ subsets }) => subsets?.[0]?.addresses?.[0]?.ip,
    () => undefined,
  );
  const address = advertised ?? firstAddress() ?? hostname;
  return `https://${address.includes(':') && !address.startsWith('[') ? `[${address}]` : address}:${port || 443}`;
}

function table(tokens: readonly StoredToken[], now: number): string {
  const rows = tokens.map(({ token, expiresMs, description }) => [
    token.id,
    expiryOf(expiresMs, now),
    // What others wrote must not steer the terminal.
    description.replace(/\p{Cc}/gu, '?') || '<none>',
  ]);
  const all = [['TOKEN-ID', 'EXPIRES', 'DESCRIPTION'], ...rows];
  const width = (column: number): number => Math.max(...all.map((row) => row[column]?.length ?? 0));
  const widths = [width(0), width(1), 0];
  return all
    .map((row) => `${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('   ')}\n`)
    .join('');
}

function expiryOf(expiresMs: number | undefined, now: number): string {
  if (expiresMs === undefined) return '<never>';
  if (Number.isNaN(expiresMs)) return '<invalid>';
  const date = timestamp(expiresMs);
  return expiresMs <= now ? `${date} (expired)` : date;
}
