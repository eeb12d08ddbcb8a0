/** What a flashed board runs beside Coracle itself: `configure` at every boot, `watch` until it is healthy. */
import { BootPartition } from './boot-partition.ts';
import { configure } from './configure.ts';
import { watch } from './watch.ts';

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const boot = new BootPartition();

const COMMANDS: Readonly<Record<string, () => Promise<void>>> = {
  configure: async () => configure(boot, say),
  watch: () => watch(boot, say),
};

const command = COMMANDS[process.argv[2] ?? ''];
if (!command) {
  process.stderr.write(`usage: board ${Object.keys(COMMANDS).join('|')}\n`);
  process.exitCode = 2;
} else {
  await command().catch((err: unknown) => {
    process.stderr.write(`board: ${(err as Error).message}\n`);
    process.exitCode = 1;
  });
}
