/**
 * What a board pays for its telemetry: two boards that are alike but for it, side by side. The one without has never loaded any of
 * it. Needs root and some four minutes.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Board } from '../support/boards/board.ts';
import { processesIn } from '../support/boards/cgroups.ts';
import { startCluster } from '../support/cluster/cluster.ts';
import { memoryOf, usageOf, withCommand } from './processes.ts';
import type { Progress } from './progress.ts';

const INTERVAL_S = 10;
const SETTLE_MS = 30_000;
const MEASURE_MS = 120_000;
const LIMITS = { percentOfACore: 0.3, residentMiB: 8, messageBytes: 400 };
const MIB = 1024 * 1024;

export async function benchTelemetry(progress: Progress) {
  progress('starting two boards');
  const cluster = await startCluster({
    boards: 2,
    serverOn: 'board',
    serverFlags: ['--mqtt', 'managed', '--mqtt-interval', String(INTERVAL_S)],
  });
  try {
    const [withIt, without] = [cluster.board('board-1'), cluster.board('board-2')];
    await cluster.kubectl.ok('annotate node board-2 coracle.dev/telemetry=off');
    await sleep(5_000); // it is on the board's disk
    for (const board of [withIt, without]) {
      await board.stopService('agent');
      await board.startService('agent');
    }
    await cluster.nodesReady();
    await sleep(SETTLE_MS);
    progress(`measuring for ${MEASURE_MS / 1_000} s`);
    const pids = (board: Board) => withCommand(processesIn(board.cgroup), 'coracle.mjs', 'agent');
    const cpu = (board: Board) => usageOf(pids(board)).cpuSeconds;
    const before = [cpu(withIt), cpu(without)] as const;
    await sleep(MEASURE_MS);
    const percent = (seconds: number) => Math.round((seconds / (MEASURE_MS / 1_000)) * 10_000) / 100;
    const cost = (board: Board, cpuBefore: number) => ({
      percentOfACore: percent(cpu(board) - cpuBefore),
      residentMiB: Math.round((memoryOf(pids(board)).residentBytes / MIB) * 10) / 10,
    });
    const [on, off] = [cost(withIt, before[0]), cost(without, before[1])];
    const difference = {
      percentOfACore: Math.round((on.percentOfACore - off.percentOfACore) * 100) / 100,
      residentMiB: Math.round((on.residentMiB - off.residentMiB) * 10) / 10,
    };
    return { intervalSeconds: INTERVAL_S, with: on, without: off, difference, limits: LIMITS };
  } finally {
    await cluster.stop();
  }
}
