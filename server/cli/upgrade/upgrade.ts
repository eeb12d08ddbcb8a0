/** `coracle upgrade --to FILE|URL`: rolls over the boards one by one, through the API and the links that boards keep open. */
import type { Command } from 'commander';
import { parseDuration } from '#proto/meta/duration.ts';
import type { HttpClientOptions } from '#server/client/http-client.ts';
import {
  type CliWorld,
  connected,
  type KubeconfigFlags,
  realWorld,
  withKubeconfig,
} from '../cluster-command.ts';
import { type Interrupts, listenForInterrupts } from '../interrupts.ts';
import { BoardPage, type BoardPages, openSource, type Source } from './board-page.ts';
import { Roll } from './roll.ts';

interface Flags extends KubeconfigFlags {
  readonly to: readonly string[];
  readonly node?: readonly string[];
  readonly again?: boolean;
  readonly timeout: string;
}

export interface UpgradeWorld extends CliWorld {
  readonly open: (from: string) => Promise<Source>;
  readonly pages: (options: HttpClientOptions) => BoardPages;
  readonly interrupts: () => Interrupts;
  /** Between two looks at a board. */
  readonly pollMs: number;
}

const realUpgradeWorld = (): UpgradeWorld => ({
  ...realWorld(),
  open: openSource,
  pages: (options) => new BoardPage(options),
  interrupts: listenForInterrupts,
  pollMs: 2_000,
});

export function addUpgradeCommand(program: Command, world: UpgradeWorld = realUpgradeWorld()): void {
  withKubeconfig(program.command('upgrade').summary('bring flashed boards to another version, one by one'))
    .description(
      'Rolls an upgrade over the boards that were flashed with an image: the server first, then one agent after the other. ' +
        'Pods move away, the board starts with the new system, and keeps it only if it is healthy; otherwise it goes back by ' +
        'itself and nothing more is upgraded. Run on the server as root. Ctrl-C leaves a board as it was, or, once it starts ' +
        'with the new system, says so: the same command again goes on from there.',
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
        const sources = await Promise.all(flags.to.map(world.open));
        const { signal, end } = world.interrupts();
        try {
          await new Roll({
            client,
            pages: world.pages(options),
            out: world.out,
            now: world.now,
            signal,
            timeoutMs: Number(nanoseconds / 1_000_000n),
            pollMs: world.pollMs,
          }).run(sources, flags);
        } finally {
          end();
        }
      }),
    );
}
