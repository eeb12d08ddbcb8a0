/** What the project promises of an idle cluster and of starts, held against what was measured. */

export interface Budget {
  readonly limit: number;
  readonly measured: number;
  readonly met: boolean;
}

interface Program {
  readonly residentBytes: number;
  readonly writtenBytesPerMinute: number;
}

interface Idle {
  readonly server: Program | undefined;
  readonly agents: readonly Program[];
}

export interface Measured {
  readonly idleWithoutPods: Idle;
  readonly idleWithPods: Idle;
  readonly serverStart: { readonly toReadyz: { readonly medianMs: number } };
  readonly podStart: { readonly medianAboveFloorMs: number };
}

const MIB = 1024 * 1024;

/** By name; agents count by their median, one may have been busy with something. */
export function budgets({ idleWithoutPods, idleWithPods, serverStart, podStart }: Measured) {
  const residentMiB = (program: Program | undefined) =>
    Math.round(((program?.residentBytes ?? Number.NaN) / MIB) * 10) / 10;
  const agentMiB = ({ agents }: Idle) => {
    const sorted = agents.map(residentMiB).sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  };
  const written = (idle: Idle) =>
    [idle.server, ...idle.agents].reduce((sum, one) => sum + (one?.writtenBytesPerMinute ?? 0), 0);
  const limits: Readonly<Record<string, readonly [limit: number, measured: number]>> = {
    'server with 5 nodes and 50 Pods, MiB resident': [96, residentMiB(idleWithPods.server)],
    'agent, MiB resident': [64, agentMiB(idleWithoutPods)],
    'agent with 10 Pods, MiB resident': [64, agentMiB(idleWithPods)],
    'exec to /readyz, ms': [700, serverStart.toReadyz.medianMs],
    // Heartbeats reach the device every ten minutes, so most minutes show none: eleven of them had 24 KiB.
    'written by server and agents, an idle minute as bytes an hour': [1e6, written(idleWithoutPods) * 60],
    'Pod start above the CRI floor, ms': [60, podStart.medianAboveFloorMs],
  };
  return Object.fromEntries(
    Object.entries(limits).map(([name, [limit, measured]]): [string, Budget] => [
      name,
      { limit, measured, met: measured <= limit },
    ]),
  );
}
