/**
 * What a flashed board runs beside Coracle itself: `configure` at every boot, `watch` until it is healthy; the agent runs `state`
 * and `receive` (an upgrade, from the standard input) when it is asked, and hands on the JSON that they print.
 */
import { spawnSync } from 'node:child_process';
import { BootPartition } from './boot-partition.ts';
import { configure, readImage } from './configure.ts';
import { nextKernel, runningKernel } from './kernel-switch.ts';
import { readUpgradeKey, receive } from './receive.ts';
import { readBootInfo, readState, writeState } from './slots.ts';
import { kernelDeps, watch } from './watch.ts';

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const boot = new BootPartition();

const COMMANDS: Readonly<Record<string, () => Promise<void>>> = {
  configure: async () => configure(boot, say),
  watch: () => watch(boot, say),
  state: async () => {
    const deps = kernelDeps(boot);
    const kernel = runningKernel(deps.commandLine);
    say(
      JSON.stringify({
        ...readImage(),
        slot: readBootInfo().slot,
        state: readState(),
        kernel,
        nextKernel: nextKernel(deps),
      }),
    );
  },
  receive: async () => {
    const { slot, manifest } = await receive(process.stdin, {
      image: readImage(),
      key: await readUpgradeKey(),
      boot: readBootInfo(),
      state: readState(),
      writeState,
      forget: (device) => void spawnSync('blockdev', ['--flushbufs', device]),
    });
    say(JSON.stringify({ slot, version: manifest.version }));
  },
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
