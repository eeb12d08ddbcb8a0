/**
 * Tells the server what the board and its containers use, for `kubectl top` and autoscalers. Nothing is kept here and
 * nothing is written: the counters are the kernel's, and a report that does not get through is made good by the next.
 */
import os from 'node:os';
import type { DesiredState } from '#agent/link/cluster.ts';
import type { ContainerUsage, Usage } from '#proto/agent/generated/link.ts';
import type { Clock } from '#proto/meta/clock.ts';
import type { Logger } from '#proto/meta/log.ts';
import { parseBusyNs, parseWorkingSet } from './proc.plan.ts';
import { readIfThere } from './read-file.ts';
import { runningContainers, type UsageSources } from './running-containers.ts';

/** A board without Pods has little to tell: it does so this many times less often. */
const IDLE_FACTOR = 4;

/** The link, as far as usage goes. */
export interface UsageListener {
  /** How often the server wants to hear; 0 while it is away, or wants nothing. */
  readonly usageIntervalMs: number;
  /** Drops the report where there is no connection. */
  report(usage: Usage): void;
  /** Called on every change of the connection. */
  onConnection(listener: (connected: boolean) => void): () => void;
}

export interface UsageOptions extends UsageSources {
  readonly desired: Pick<DesiredState, 'pods'>;
  readonly server: UsageListener;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Runs until the signal. Without a server that listens, no timer runs. */
export async function reportUsage(options: UsageOptions, signal: AbortSignal): Promise<void> {
  const { server, desired, clock, log } = options;
  while (!signal.aborted) {
    const intervalMs = server.usageIntervalMs;
    if (intervalMs === 0) {
      await connected(server, signal);
      continue;
    }
    try {
      server.report(await sampleUsage(options));
    } catch (err) {
      log.debug('usage not sampled', { err });
    }
    const factor = desired.pods().length > 0 ? 1 : IDLE_FACTOR;
    await clock.sleep(intervalMs * factor, signal).catch(() => undefined);
  }
}

function connected(server: UsageListener, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const off = server.onConnection(() => done());
    const done = (): void => {
      off();
      signal.removeEventListener('abort', done);
      resolve();
    };
    signal.addEventListener('abort', done, { once: true });
  });
}

async function sampleUsage({ desired, ...sources }: UsageOptions): Promise<Usage> {
  const containers: ContainerUsage[] = [];
  for await (const { pod, container, usage } of runningContainers(sources, desired.pods()))
    containers.push({
      podUid: pod.metadata.uid ?? '',
      name: container.name,
      id: container.id,
      cpuNs: BigInt(Math.round(usage.cpuNs)),
      memoryBytes: BigInt(usage.workingSetBytes),
    });
  const [stat, meminfo] = await Promise.all([readIfThere('/proc/stat'), readIfThere('/proc/meminfo')]);
  return {
    uptimeMs: os.uptime() * 1000,
    cpuNs: BigInt(parseBusyNs(stat)),
    memoryBytes: BigInt(parseWorkingSet(meminfo)),
    containers,
  };
}
