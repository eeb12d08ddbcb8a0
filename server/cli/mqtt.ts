import { type Command, Option as Flag } from 'commander';
import type { MqttAccess } from '#server/telemetry/access.plan.ts';
import { createMqttUser, deleteMqttUser, listMqttUsers } from '#server/telemetry/mqtt-users.ts';
import {
  type CliWorld,
  columns,
  connected,
  type KubeconfigFlags,
  reachableServer,
  realWorld,
  withKubeconfig,
} from './cluster-command.ts';

const ACCESS: readonly MqttAccess[] = ['read-only', 'read-write'];
const PASSWORD_PORT = 8884;

/** `coracle mqtt user create|list|delete`, over the API, with the administrator's kubeconfig. */
export function addMqttCommands(program: Command, world: CliWorld = realWorld()): void {
  const user = program
    .command('mqtt')
    .summary('make, list and delete users of the MQTT broker')
    .command('user')
    .description('Programs that read the health of boards, or command: Home Assistant, Telegraf, Node-RED.');

  withKubeconfig(user.command('create'))
    .description(
      'Makes a user of the broker that the server runs, and prints its password, which is kept nowhere.',
    )
    .argument('<NAME>', 'one for each program; the buttons in Home Assistant are of "home-assistant"')
    .addOption(new Flag('--access <ACCESS>', 'what it may do').choices(ACCESS).default('read-only'))
    .action((name: string, flags: KubeconfigFlags & { access: MqttAccess }) =>
      connected(world, flags, async (client, { server }) => {
        const password = await createMqttUser(client, name, flags.access);
        world.out(`${password}\n`);
        if (!world.hint) return;
        const { hostname } = new URL(await reachableServer(client, server));
        world.hint(
          `\nBroker: ${hostname}, port ${PASSWORD_PORT} (--mqtt-password-listen), MQTT 5 over TLS, user ${name}\n` +
            'CA:     certificate-authority-data of the kubeconfig, base64\n',
        );
      }),
    );

  withKubeconfig(user.command('list'))
    .description('Lists users, without their passwords.')
    .action((flags: KubeconfigFlags) =>
      connected(world, flags, async (client) => {
        const rows = (await listMqttUsers(client)).map(({ name, access }) => [name, access]);
        world.out(columns([['NAME', 'ACCESS'], ...rows]));
      }),
    );

  withKubeconfig(user.command('delete'))
    .description('Deletes users. Their connections end.')
    .argument('<NAME...>', 'names')
    .action((names: string[], flags: KubeconfigFlags) =>
      connected(world, flags, async (client) => {
        for (const name of names) {
          await deleteMqttUser(client, name);
          world.out(`mqtt user "${name}" deleted\n`);
        }
      }),
    );
}
