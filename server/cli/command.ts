/** What a person writes after `coracle`: flags, environment and file become options, and one program starts with them. */
import { existsSync, readFileSync } from 'node:fs';
import { Command, Option as Flag } from 'commander';
import { parse as parseYaml } from 'yaml';
import { AGENT_OPTIONS } from '#agent/options.ts';
import {
  camel,
  OptionError,
  type OptionTable,
  type OptionValues,
  resolveOptions,
} from '#proto/config/options.ts';
import { VERSION } from '#proto/version.ts';
import { SERVER_OPTIONS } from '#server/options.ts';
import { addBackupCommands } from './backup.ts';
import { addCheckCommand } from './check-command.ts';
import { addInstallCommands } from './install.ts';
import { addMqttCommands } from './mqtt.ts';
import { addNodeCommands } from './node.ts';
import { runProgram } from './programs.ts';
import { addTokenCommands } from './token.ts';
import { addTopCommand } from './top/top.ts';
import { retune } from './tune.ts';
import { addUpgradeCommand } from './upgrade/upgrade.ts';

const DEFAULT_CONFIG = '/etc/coracle/config.yaml';

const program = new Command('coracle')
  .description('Kubernetes for boards that fit in a hand.')
  .version(VERSION)
  .configureHelp({ sortSubcommands: false })
  .addHelpText(
    'after',
    `
Every flag can also stand in ${DEFAULT_CONFIG} under the same name, or in the
environment: --data-dir is "data-dir: …" and CORACLE_DATA_DIR.

Begin on one board:     coracle server
Then, on the server:    coracle token create
And on another board:   coracle agent --server https://SERVER:6443 --token TOKEN`,
  );

const server = declare(
  program.command('server').summary('run the control plane, and an agent for this board'),
  SERVER_OPTIONS,
)
  .description('Runs API server, scheduler and controllers, and an agent for this board unless --no-agent.')
  .action(() =>
    run(server, SERVER_OPTIONS, Object.keys(AGENT_OPTIONS), async (options) => {
      retune('server', options);
      await runProgram('server', options);
    }),
  );

const agent = declare(
  program.command('agent').summary('make this machine a node of a cluster'),
  AGENT_OPTIONS,
)
  .description(
    'Joins a cluster and runs its Pods on this machine. The token is needed once; after that the board has its own certificate.',
  )
  .action(() =>
    run(agent, AGENT_OPTIONS, Object.keys(SERVER_OPTIONS), async (options) => {
      retune('agent', options);
      await runProgram('agent', options);
    }),
  );

addCheckCommand(program);
addTokenCommands(program);
addUpgradeCommand(program);
addMqttCommands(program);
addNodeCommands(program);
addBackupCommands(program);
addInstallCommands(program, declare);
addTopCommand(program);
await program.parseAsync();

function declare(command: Command, table: OptionTable): Command {
  command.addOption(
    new Flag('--config <FILE>', `configuration file (default: ${DEFAULT_CONFIG})`).env('CORACLE_CONFIG'),
  );
  for (const [name, option] of Object.entries(table)) {
    const shown = option.defaultText ?? (typeof option.defaultValue === 'string' ? option.defaultValue : '');
    const flag = new Flag(
      option.placeholder ? `--${name} <${option.placeholder}>` : `--${name}`,
      shown ? `${option.description} (default: ${shown})` : option.description,
    );
    if (option.list)
      flag.argParser((text: string, before: string[] | undefined) => [...(before ?? []), text]);
    // A switch such as --no-agent is a name of its own here, not the negation of --agent.
    if (!option.placeholder) flag.negate = false;
    command.addOption(flag);
  }
  return command;
}

async function run<Table extends OptionTable>(
  command: Command,
  table: Table,
  alsoInFile: readonly string[],
  start: (options: OptionValues<Table>) => Promise<void>,
): Promise<void> {
  const given = command.opts<Record<string, unknown>>();
  const flags = Object.fromEntries(Object.keys(table).map((name) => [name, given[camel(name)]]));
  const file = readConfig(given['config'] as string | undefined);
  await start(resolveOptions(table, { flags, environment: process.env, file, alsoInFile }));
}

function readConfig(path: string | undefined): Record<string, unknown> {
  if (!path && !existsSync(DEFAULT_CONFIG)) return {};
  const from = path ?? DEFAULT_CONFIG;
  const value: unknown = parseYaml(readFileSync(from, 'utf8'));
  if (value === null || value === undefined) return {};
  if (typeof value !== 'object' || Array.isArray(value))
    throw new OptionError([`${from}: expected "name: value" lines`]);
  return value as Record<string, unknown>;
}
