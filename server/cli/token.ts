import type { Command } from 'commander';
import { formatJoinToken, parseJoinToken } from '#proto/agent/join-token.ts';
import { parseDuration } from '#proto/meta/duration.ts';
import { timestamp } from '#proto/meta/timestamp.ts';
import { caHash } from '#proto/pki/key.ts';
import type { ApiClient } from '#server/client/client.ts';
import type { HttpClientOptions } from '#server/client/http-client.ts';
import type { StoredToken } from '#server/tokens/token-secret.ts';
import { createToken, deleteToken, listTokens } from '#server/tokens/tokens.ts';
import {
  type CliWorld,
  columns,
  connected,
  type KubeconfigFlags,
  reachableServer,
  realWorld,
  withKubeconfig,
} from './cluster-command.ts';

/** `coracle token create|list|delete`, over the API, with the administrator's kubeconfig. */
export function addTokenCommands(program: Command, world: CliWorld = realWorld()): void {
  const token = program.command('token').summary('make, list and delete join tokens');
  token.description('Join tokens let other boards into the cluster. Run on the server as root.');

  withKubeconfig(token.command('create'))
    .description('Makes a join token and prints it.')
    .option('--ttl <DURATION>', 'how long it lasts, as 30m or 24h; 0: for ever', '24h')
    .option('--description <TEXT>', 'what it is for')
    .action(async (flags: KubeconfigFlags & { ttl: string; description?: string }) => {
      const ttlMs = ttlOf(flags.ttl);
      await connected(world, flags, (client, options) =>
        create(world, client, options, { ttlMs, description: flags.description }),
      );
    });

  withKubeconfig(token.command('list'))
    .description('Lists join tokens, without their secrets.')
    .action((flags: KubeconfigFlags) =>
      connected(world, flags, async (client) => {
        world.out(table(await listTokens(client), world.now()));
      }),
    );

  withKubeconfig(token.command('delete'))
    .description('Deletes join tokens. Boards that have joined stay.')
    .argument('<ID...>', 'ids, or whole tokens')
    .action((ids: string[], flags: KubeconfigFlags) =>
      connected(world, flags, async (client) => {
        for (const id of ids) {
          const { token: wanted } = parseJoinToken(id);
          await deleteToken(client, wanted);
          world.out(`token "${wanted.split('.')[0]}" deleted\n`);
        }
      }),
    );
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
  { now, out, hint }: CliWorld,
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
    `\nOn the other board:\n\n  coracle agent --server ${await reachableServer(client, server)} --token ${text}\n`,
  );
}

function table(tokens: readonly StoredToken[], now: number): string {
  const rows = tokens.map(({ token, expiresMs, description }) => [
    token.id,
    expiryOf(expiresMs, now),
    // What others wrote must not steer the terminal.
    description.replace(/\p{Cc}/gu, '?') || '<none>',
  ]);
  return columns([['TOKEN-ID', 'EXPIRES', 'DESCRIPTION'], ...rows]);
}

function expiryOf(expiresMs: number | undefined, now: number): string {
  if (expiresMs === undefined) return '<never>';
  if (Number.isNaN(expiresMs)) return '<invalid>';
  const date = timestamp(expiresMs);
  return expiresMs <= now ? `${date} (expired)` : date;
}
