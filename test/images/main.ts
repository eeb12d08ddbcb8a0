/**
 * `npm run image:test -- [--board NAME] [--only STEP,…] [--cuts N] [--seed N] [--keep] [--hold]`: builds images of a board,
 * flashes virtual cards with them and watches what the boards do. Says how long each step took; the last line is
 * `N passed, N failed`. `--keep` leaves the folder with disks and consoles, `--hold` the boards too, until Ctrl-C.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { boards } from '#firmware/boards/index.ts';
import { buildIfStale } from '../../build.ts';
import { cgroupStep } from './cgroups.ts';
import { cutSteps } from './cuts.ts';
import { describeImages, type Images } from './images.ts';
import { nfsStep } from './nfs.ts';
import { raspberrySteps } from './raspberry.ts';
import { type Step, type Suite, seconds } from './step.ts';
import { clusterSteps, type Shared } from './uefi.ts';
import { upgradeSteps } from './upgrades.ts';

const ROOT = join(import.meta.dirname, '../..');
const say = (line: string): void => void process.stdout.write(`${line}\n`);

const { values } = parseArgs({
  options: {
    board: { type: 'string', default: 'arm64-uefi,rpi' },
    only: { type: 'string' },
    cuts: { type: 'string', default: '20' },
    seed: { type: 'string', default: '1' },
    keep: { type: 'boolean', default: false },
    hold: { type: 'boolean', default: false },
  },
});
const only = values.only?.split(',');
const began = performance.now();
let passed = 0;
let failed = 0;

await buildIfStale(say);
for (const name of values.board.split(',')) {
  const board = boards.find((one) => one.name === name);
  if (!board) throw new Error(`there is no board ${name}: ${boards.map((one) => one.name).join(', ')}`);
  const folder = mkdtempSync(join(tmpdir(), `coracle-${name}-`));
  mkdirSync(folder, { recursive: true });
  const images: Images = describeImages({ board, root: ROOT, folder, say });
  const cuts = { count: Number(values.cuts), seed: Number(values.seed) };
  const suite = board.bootLoader === 'raspberry-pi' ? raspberrySteps(images) : uefiSuite(images, cuts);
  try {
    for (const step of suite.steps) {
      if (only && !only.includes(step.name)) continue;
      if (!(await runStep(name, step)) && step.vital) break;
    }
    if (values.hold) await untilInterrupted(folder);
  } finally {
    await suite.end();
    if (!values.keep) rmSync(folder, { recursive: true, force: true });
  }
}
say(`\nin ${since(began)}\n${passed} passed, ${failed} failed`);
process.exit(failed > 0 ? 1 : 0);

function uefiSuite(images: Images, cuts: { readonly count: number; readonly seed: number }): Suite {
  const shared: Shared = { cluster: undefined };
  const { steps, end } = clusterSteps(images, shared);
  const more = [...upgradeSteps(images, shared), ...cutSteps(images, shared, cuts)];
  return { steps: [...steps, cgroupStep(images, shared), nfsStep(images, shared), ...more], end };
}

async function runStep(board: string, { name, run }: Step): Promise<boolean> {
  const from = performance.now();
  try {
    for (const line of (await run()) ?? []) say(`   ${line}`);
    passed++;
    say(`ok ${board} ${name}: ${since(from)}`);
    return true;
  } catch (err) {
    failed++;
    say(`NOT OK ${board} ${name}: ${since(from)}\n${(err as Error).message}`);
    return false;
  }
}

function since(from: number): string {
  return seconds(performance.now() - from);
}

/** For a look inside: `ssh-key` and `kubeconfig.yaml` are in the folder. */
function untilInterrupted(folder: string): Promise<void> {
  say(`the boards run on; their keys are in ${folder}. Ctrl-C ends them.`);
  return new Promise((resolve) => {
    // A listener for a signal keeps nothing running.
    const running = setInterval(() => {}, 60_000);
    process.once('SIGINT', () => {
      clearInterval(running);
      resolve();
    });
  });
}
