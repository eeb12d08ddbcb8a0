import type { Command } from 'commander';
import { nodes } from '#proto/api/core/nodes.ts';
import { secrets } from '#proto/api/core/secrets.ts';
import { isNotFound, notFound } from '#proto/meta/status-error.ts';
import { timestamp } from '#proto/meta/timestamp.ts';
import type { ApiClient } from '#server/client/client.ts';
import type { NodeIdentity } from '#server/nodes/identity.plan.ts';
import { IDENTITY_NAMESPACE, identitySecretName, readIdentity } from '#server/nodes/identity-secret.ts';
import { forgetIdentity, type KnownIdentity, recordIdentity } from '#server/nodes/node-identities.ts';
import {
  type CliWorld,
  columns,
  connected,
  type KubeconfigFlags,
  realWorld,
  withKubeconfig,
} from './cluster-command.ts';

/** `coracle node list|revoke|allow`, over the API, with the administrator's kubeconfig. */
export function addNodeCommands(program: Command, world: CliWorld = realWorld()): void {
  const node = program.command('node').summary('see which boards are in, shut one out, let one in again');
  node.description('Which board has which name. Run on the server as root.');

  withKubeconfig(node.command('list'))
    .description('Lists the boards that have joined, and those that are shut out.')
    .action((flags: KubeconfigFlags) =>
      connected(world, flags, async (client) => world.out(listed(await identitiesOf(client)))),
    );

  withKubeconfig(node.command('revoke'))
    .description(
      'Shuts boards out at once: connections are cut; certificates, join tokens and the tokens of their Pods ' +
        'are refused. Objects stay. (To delete a Node is no way to shut its board out: it registers again.)',
    )
    .argument('<NAME...>', 'names of nodes')
    .action((names: string[], flags: KubeconfigFlags) =>
      connected(world, flags, async (client) => {
        for (const name of names) {
          await revoke(client, name, world.now());
          world.out(`node "${name}" revoked\n`);
        }
      }),
    );

  withKubeconfig(node.command('allow'))
    .description(
      'Lets a name in again: the board that had it, or another one that joins under it with a token.',
    )
    .argument('<NAME...>', 'names of nodes')
    .action((names: string[], flags: KubeconfigFlags) =>
      connected(world, flags, async (client) => {
        for (const name of names) {
          if (!(await forgetIdentity(client, name))) throw notFound({ group: '', resource: 'nodes' }, name);
          world.out(`node "${name}" allowed\n`);
        }
      }),
    );
}

async function identitiesOf(client: ApiClient): Promise<NodeIdentity[]> {
  const { items } = await client.list(secrets, { namespace: IDENTITY_NAMESPACE });
  return items.flatMap((secret) => readIdentity(secret) ?? []).sort((a, b) => (a.name < b.name ? -1 : 1));
}

function listed(identities: readonly NodeIdentity[]): string {
  const rows = identities.map(({ name, revokedMs, sinceMs, hardware, key }) => [
    name,
    revokedMs === undefined ? 'allowed' : `revoked ${timestamp(revokedMs)}`,
    timestamp(sinceMs),
    key.slice(0, 12) || '<none>',
    hardware.slice(0, 12) || '<unknown>',
  ]);
  return columns([['NAME', 'STATUS', 'SINCE', 'KEY', 'HARDWARE'], ...rows]);
}

async function revoke(client: ApiClient, name: string, now: number): Promise<void> {
  const known = await identityOf(client, name);
  // One that has not been heard of since identities are kept may be shut out, too; a misspelt name is told.
  if (!known) await client.get(nodes, { name });
  const identity = known ?? { name, key: '', hardware: '', sinceMs: now };
  await recordIdentity(client, { ...identity, revokedMs: identity.revokedMs ?? now }, known);
}

async function identityOf(client: ApiClient, name: string): Promise<KnownIdentity | undefined> {
  try {
    const secret = await client.get(secrets, {
      namespace: IDENTITY_NAMESPACE,
      name: identitySecretName(name),
    });
    const identity = readIdentity(secret);
    return identity && { ...identity, resourceVersion: secret.metadata.resourceVersion };
  } catch (err) {
    if (isNotFound(err)) return undefined;
    throw err;
  }
}
