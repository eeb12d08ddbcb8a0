import type { Command } from 'commander';

interface CheckFlags {
  readonly role?: string;
  readonly dataDir: string;
  readonly containerd?: string;
  readonly fix?: boolean;
  readonly json?: boolean;
}

/** `coracle check`. */
export function addCheckCommand(program: Command): void {
  program
    .command('check')
    .summary('look whether this board is ready, and repair what is not')
    .description(
      'Looks at the kernel, memory, disk, programs, clock and ports of this board, and says what to do about what is amiss.',
    )
    .option('--role <ROLE>', 'server, agent, or both', 'both')
    .option('--data-dir <DIR>', 'where Coracle keeps its data', '/var/lib/coracle')
    .option('--containerd <SOCKET>', 'a containerd that is to be used; without it the board runs its own')
    .option('--fix', 'repair what can be repaired: boot line, modules, settings, packages, clock, swap')
    .option('--json', 'the findings as one JSON document')
    .addHelpText(
      'after',
      `
Each line is one finding: ✓ it is well, ! it deserves a look, ✗ it must be put right. Below it stands what to do.
The exit code is 1 where something must be put right, 0 otherwise.

A fresh Raspberry Pi:   sudo coracle check --role agent --fix     (a changed boot line needs a reboot)
Before a server:        sudo coracle check --role server
In a script:            coracle check --json | jq '.findings[] | select(.level != "ok")'

Files that are changed are kept beside the new ones, as NAME.before-coracle.`,
    )
    .action(async ({ role, dataDir, containerd, fix, json }: CheckFlags) => {
      if (role !== 'server' && role !== 'agent' && role !== 'both')
        throw new Error(`--role: "${role}" is not one of server, agent, both`);
      const { check } = await import('./check/check.ts');
      process.exitCode = await check({
        roles: role === 'both' ? ['server', 'agent'] : [role],
        dataDir,
        containerd: containerd ?? '',
        fix: fix ?? false,
        json: json ?? false,
        colours: process.stdout.isTTY && !process.env['NO_COLOR'],
        write: (text) => process.stdout.write(text),
      });
    });
}
