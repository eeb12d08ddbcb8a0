import { dirname } from 'node:path';
import type { Command } from 'commander';
import { AGENT_OPTIONS } from '#agent/options.ts';
import { camel, type OptionTable } from '#proto/config/options.ts';
import { SERVER_OPTIONS } from '#server/options.ts';

type Declare = (command: Command, table: OptionTable) => Command;

/** `coracle install server|agent` and `coracle uninstall`, on machines that systemd runs. */
export function addInstallCommands(program: Command, declare: Declare): void {
  const install = program
    .command('install')
    .summary('make this machine a server or a board for good: programs, settings, systemd services')
    .description(
      `Copies the programs to /usr/lib/coracle, writes /etc/coracle/config.yaml of the flags, and has systemd run them
at every boot. Run again to upgrade, or to change a flag.`,
    );
  const roles = { server: SERVER_OPTIONS, agent: AGENT_OPTIONS } as const;
  for (const [role, table] of Object.entries(roles) as ['server' | 'agent', OptionTable][]) {
    const command = declare(install.command(role), table)
      .summary(role === 'server' ? 'the control plane, and this board too' : 'a board of a cluster')
      .option('--no-start', 'install, and leave the start to the next boot')
      .action(async (flags: Record<string, unknown>) => {
        const { installer } = await import('#firmware/install/install.ts');
        const { thisMachine } = await import('#firmware/install/machine.ts');
        const given = Object.keys(table).filter(
          (name) => command.getOptionValueSource(camel(name)) === 'cli',
        );
        await installer.install(
          {
            role,
            flags: Object.fromEntries(given.map((name) => [name, flags[camel(name)]])),
            withAgent: flags['noAgent'] !== true,
            from: dirname(process.argv[1] ?? ''),
            node: process.execPath,
            start: flags['start'] !== false,
          },
          thisMachine(),
        );
      });
  }
  program
    .command('uninstall')
    .summary('take Coracle and its Pods off this machine')
    .description(
      `Ends services and Pods and removes programs, data, settings, network and logs of Coracle. Debian's packages and
a containerd that others use stay.`,
    )
    .option('--keep-data', 'leave /var/lib/coracle and /etc/coracle', false)
    .action(async ({ keepData }: { keepData: boolean }) => {
      const { installer } = await import('#firmware/install/install.ts');
      const { thisMachine } = await import('#firmware/install/machine.ts');
      await installer.uninstall({ keepData }, thisMachine());
    });
}
