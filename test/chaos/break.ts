/** Breaks things as the plan says, and brings them back. What concerns one target happens in the plan's order. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Progress } from '../bench/progress.ts';
import type { Cluster } from '../support/cluster/cluster.ts';
import { describeFault, type Fault, type FaultKind, type Round, SERVER } from './chaos.plan.ts';

interface Hand {
  readonly strike: (cluster: Cluster, target: string) => Promise<void> | void;
  readonly comeBack?: (cluster: Cluster, target: string) => Promise<void> | void;
}

const HANDS: Readonly<Record<FaultKind, Hand>> = {
  'power cut': {
    strike: (cluster, name) => cluster.board(name).powerCut(),
    comeBack: (cluster, name) => cluster.board(name).boot(),
  },
  freeze: {
    strike: (cluster, name) => cluster.board(name).freeze(),
    comeBack: (cluster, name) => cluster.board(name).thaw(),
  },
  partition: {
    strike: (cluster, name) => cluster.board(name).partition(),
    comeBack: (cluster, name) => cluster.board(name).heal(),
  },
  'kill agent': { strike: (cluster, name) => cluster.board(name).killService('agent') },
  'kill containerd': { strike: (cluster, name) => cluster.board(name).killService('containerd') },
  // Whoever runs it starts it at once; it need not be ready before the next fault.
  'kill server': { strike: ({ server }) => server.kill(), comeBack: ({ server }) => server.launch() },
};

/** Resolves when all has come back. */
export async function breakThings(cluster: Cluster, round: Round, progress: Progress): Promise<void> {
  const begin = performance.now();
  const until = (ms: number): Promise<void> => sleep(Math.max(0, begin + ms - performance.now()));
  const one = async (fault: Fault): Promise<void> => {
    const { strike, comeBack } = HANDS[fault.kind];
    progress(describeFault(fault));
    const struckAt = performance.now();
    await strike(cluster, fault.target);
    if (!comeBack) return;
    await sleep(Math.max(0, struckAt + fault.forMs - performance.now()));
    await comeBack(cluster, fault.target);
  };
  const inOrder = async (faults: readonly Fault[]): Promise<void> => {
    let absence: Promise<void> = Promise.resolve();
    let kills: Promise<void> = Promise.resolve();
    for (const fault of faults) {
      await until(fault.atMs);
      if (fault.forMs > 0 || fault.target === SERVER || !overlapsPartition(fault, faults)) await absence;
      await kills;
      const done = one(fault);
      if (fault.forMs > 0) absence = done;
      else kills = done;
    }
    await Promise.all([absence, kills]);
  };
  const targets = [...new Set(round.map(({ target }) => target))];
  await Promise.all(targets.map((target) => inOrder(round.filter((fault) => fault.target === target))));
}

const overlapsPartition = (fault: Fault, others: readonly Fault[]): boolean =>
  others.some(
    ({ kind, atMs, forMs }) => kind === 'partition' && fault.atMs >= atMs && fault.atMs <= atMs + forMs,
  );
