/** Chaos on a cluster of three boards: faults by plan, and after each round the proof that nothing was lost and nothing hangs. */
import type { Progress } from '../bench/progress.ts';
import { eventually } from '../support/boards/eventually.ts';
import { type Cluster, startCluster } from '../support/cluster/cluster.ts';
import { breakThings } from './break.ts';
import {
  type ChaosOptions,
  crashIn,
  describeFault,
  planChaos,
  problemOfLines,
  type Round,
} from './chaos.plan.ts';
import { Collector, createWriters, WRITERS } from './writers.ts';

/** From the last fault of a round until everything must be as it was. */
const CONVERGE_MS = 120_000;

export interface ChaosReport {
  readonly seed: number;
  readonly cycles: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly linesReported: number;
  readonly convergeMs: { readonly median: number; readonly worst: number };
  readonly elapsedMs: number;
}

export type ChaosRun = Omit<ChaosOptions, 'boards'> & {
  /** Counts from 1: rounds before it are planned, but not run. */
  readonly fromRound?: number;
  readonly progress: Progress;
};

/** Throws at the first line that is lost, Pod that is stuck or round that does not converge; the message has what to replay. */
export async function runChaos(options: ChaosRun): Promise<ChaosReport> {
  const cluster = await startCluster({ boards: 3 });
  const collector = new Collector();
  try {
    return await unleash(cluster, collector, options);
  } finally {
    collector.close();
    await cluster.stop();
  }
}

async function unleash(cluster: Cluster, collector: Collector, options: ChaosRun): Promise<ChaosReport> {
  const { progress, fromRound = 1 } = options;
  const startedAt = performance.now();
  const boards = cluster.boards.map(({ name }) => name);
  const plan = planChaos({ ...options, boards });
  const url = await collector.listen(cluster.lan.hostIp);
  const writers = await createWriters(cluster, url);
  await proveWhole(cluster, collector, writers);
  const took: number[] = [];
  const rounds = plan.slice(fromRound - 1);
  for (const [index, round] of rounds.entries()) {
    const number = fromRound + index;
    try {
      await breakThings(cluster, round, progress);
      const healedAt = performance.now();
      await proveWhole(cluster, collector, writers);
      took.push(performance.now() - healedAt);
    } catch (err) {
      throw new Error(await story(cluster, options.seed, number, round, err as Error), { cause: err });
    }
    progress(
      `round ${number} of ${plan.length} converged after ${seconds(took.at(-1) ?? 0)}, ${collector.count} lines`,
    );
  }
  const faults = rounds.flat();
  const sorted = took.toSorted((a, b) => a - b);
  return {
    seed: options.seed,
    cycles: faults.length,
    faults: Object.fromEntries(
      Object.entries(Object.groupBy(faults, ({ kind }) => kind)).map(([kind, some]) => [kind, some.length]),
    ),
    linesReported: collector.count,
    convergeMs: {
      median: Math.round(sorted[sorted.length >> 1] ?? 0),
      worst: Math.round(sorted.at(-1) ?? 0),
    },
    elapsedMs: Math.round(performance.now() - startedAt),
  };
}

/** No program ended by itself, every node and Pod Ready, every writer writing and heard of, every line that was ever reported where it belongs. */
async function proveWhole(cluster: Cluster, collector: Collector, writers: readonly string[]): Promise<void> {
  const deadline = performance.now() + CONVERGE_MS;
  const left = (): number => Math.max(1_000, deadline - performance.now());
  await cluster.nodesReady(left());
  await cluster.readyPods(WRITERS, writers.length, left());
  const before = new Map(writers.map((pod) => [pod, collector.highest(pod)]));
  await eventually(
    () => {
      const silent = writers.filter((pod) => collector.highest(pod) <= (before.get(pod) ?? 0));
      if (silent.length > 0) throw new Error(`nothing new is heard of ${silent.join(', ')}`);
      return true;
    },
    { timeoutMs: left() },
  );
  // A Pod that was Ready a moment ago, and is not any more, had not converged.
  await cluster.readyPods(WRITERS, writers.length, left());
  for (const board of cluster.boards)
    for (const service of ['agent', 'containerd']) {
      const crash = crashIn(board.log(service));
      if (crash) throw new Error(`${board.name} has a program that ended by itself: ${crash}`);
    }
  for (const pod of writers) {
    const reported = collector.highest(pod);
    const text = await eventually(() => cluster.kubectl.ok(['exec', pod, '--', 'cat', '/data/lines']), {
      timeoutMs: left(),
      intervalMs: 1_000,
    });
    const problem = problemOfLines(text, reported);
    if (problem) throw new Error(`${pod}: ${problem}`);
  }
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

/** What happened, what was found, and how to see it again. */
async function story(
  cluster: Cluster,
  seed: number,
  number: number,
  round: Round,
  err: Error,
): Promise<string> {
  const look = async (args: string): Promise<string> => {
    const { stdout, stderr } = await cluster.kubectl.run(args, { timeoutMs: 10_000 });
    return `--- kubectl ${args} ---\n${stdout}${stderr}`;
  };
  return [
    `seed ${seed}, round ${number}: ${err.message}`,
    ...round.map(describeFault),
    await look('get nodes'),
    await look('get pods -o wide'),
    await look('get events'),
    await look('get pods -o yaml'),
    cluster.logs(),
    `again: npm run chaos -- --seed ${seed} --from-round ${number} --cycles ${round.at(-1)?.cycle ?? 0}`,
  ].join('\n');
}
