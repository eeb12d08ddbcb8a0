import { expect, it } from 'vitest';
import type { Container, Sandbox } from '#agent/runtime/runtime.ts';
import type { Usage } from '#proto/agent/generated/link.ts';
import { FakeClock } from '#proto/meta/clock.ts';
import { silent } from '#proto/meta/log.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import { parseBusyNs, parseWorkingSet } from './proc.plan.ts';
import { reportUsage } from './usage.ts';

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));
/** The board's own figures come from files, which takes a busy machine longer than a turn. */
const reported = async (reports: readonly Usage[], count: number): Promise<void> => {
  while (reports.length < count) await turn();
  await turn();
};
const pod: Pod = { metadata: { name: 'web', uid: 'u1' }, spec: { containers: [] } };
const sandbox = { id: 's1', uid: 'u1' } as Sandbox;
const running = { id: 'c1', sandboxId: 's1', name: 'main', state: 'running' } as Container;

function start(pods: readonly Pod[]) {
  const clock = new FakeClock(0);
  const reports: Usage[] = [];
  const listeners = new Set<(connected: boolean) => void>();
  const server = {
    usageIntervalMs: 0,
    report: (usage: Usage) => void reports.push(usage),
    onConnection: (listener: (connected: boolean) => void) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
  const stop = new AbortController();
  const listing = {
    sandboxes: [sandbox],
    containers: [
      running,
      { ...running, id: 'c0', state: 'exited' as const },
      { ...running, id: 'cx', sandboxId: 'x' },
    ],
  };
  const done = reportUsage(
    {
      runtime: { list: async () => listing },
      cgroups: {
        containerUsage: async (_pod, id) =>
          id === 'c1' ? { cpuNs: 7, memoryBytes: 9, workingSetBytes: 8, processes: 1 } : undefined,
      },
      desired: { pods: () => pods },
      server,
      clock,
      log: silent,
    },
    stop.signal,
  );
  const end = (): Promise<void> => {
    stop.abort();
    return done;
  };
  return { clock, reports, listeners, server, stop: end };
}

it('reports running containers of its pods while the server listens', async () => {
  const { clock, reports, listeners, server, stop } = start([pod]);
  await turn();
  await clock.advance(60_000);
  expect(reports).toEqual([]);
  server.usageIntervalMs = 15_000;
  for (const listener of [...listeners]) listener(true);
  await reported(reports, 1);
  expect(reports.map(({ containers }) => containers)).toEqual([
    [{ podUid: 'u1', name: 'main', id: 'c1', cpuNs: 7n, memoryBytes: 8n }],
  ]);
  await clock.advance(15_000);
  await reported(reports, 2);
  expect(reports).toHaveLength(2);
  await stop();
});

it('speaks less often of a board without pods', async () => {
  const { clock, reports, listeners, server, stop } = start([]);
  server.usageIntervalMs = 15_000;
  await turn();
  for (const listener of [...listeners]) listener(true);
  await reported(reports, 1);
  await clock.advance(45_000);
  await turn();
  expect(reports).toHaveLength(1);
  await clock.advance(15_000);
  await reported(reports, 2);
  expect(reports).toHaveLength(2);
  await stop();
});

it('reads the kernel counters', () => {
  expect(parseBusyNs('cpu  100 1 50 9999 5 2 3 4 7 0\ncpu0 1 1 1\n')).toBe(1_560_000_000);
  expect(parseBusyNs('')).toBe(0);
  expect(parseWorkingSet('MemTotal:  1000 kB\nMemFree: 10 kB\nMemAvailable:   400 kB\n')).toBe(600 * 1024);
});
