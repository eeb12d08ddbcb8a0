import { bytesQuantity, formatQuantity } from '#proto/meta/quantity.ts';
import { timestamp } from '#proto/meta/timestamp.ts';
import type { Node, Pod } from '#proto/schema/generated/core-v1.ts';
import type { ContainerMetrics, NodeMetrics, PodMetrics } from '#proto/schema/generated/metrics-v1beta1.ts';

/** Counters at one moment. */
export interface Counters {
  /** Nanoseconds of all cores. */
  readonly cpuNs: number;
  /** Working set. */
  readonly memoryBytes: number;
}

export interface ContainerCounters extends Counters {
  readonly podUid: string;
  readonly name: string;
  /** Of one run of the container: the next counts from nothing. */
  readonly id: string;
}

/** What one board reported. */
export interface UsageReport extends Counters {
  /** When it came, by the server's clock: that of a board may be wrong. */
  readonly receivedAtMs: number;
  /** Of the board: what rates are made of. */
  readonly uptimeMs: number;
  readonly containers: readonly ContainerCounters[];
}

/** Two reports of one board, one after the other. */
export interface UsagePair {
  readonly previous: UsageReport;
  readonly last: UsageReport;
}

/** Undefined where nothing can be said: a board that was restarted between the two, say. */
export function nodeMetrics(node: Node, pair: UsagePair | undefined): NodeMetrics | undefined {
  const usage = pair && usageOf(pair, pair.previous, pair.last);
  if (!pair || !usage) return undefined;
  const { name, labels } = node.metadata;
  return {
    kind: 'NodeMetrics',
    apiVersion: 'metrics.k8s.io/v1beta1',
    metadata: { name, ...(labels ? { labels } : {}), creationTimestamp: timestamp(pair.last.receivedAtMs) },
    timestamp: timestamp(pair.last.receivedAtMs),
    window: windowOf(pair),
    usage,
  };
}

/**
 * A Pod of which one running container is in one report only has no metrics yet: a sum without it would mislead an
 * autoscaler. Rule: metrics-server's `storage/pod.go`.
 */
export function podMetrics(pod: Pod, pair: UsagePair | undefined): PodMetrics | undefined {
  if (!pair || pod.status?.phase !== 'Running') return undefined;
  const containers: ContainerMetrics[] = [];
  for (const last of pair.last.containers) {
    if (last.podUid !== pod.metadata.uid) continue;
    const previous = pair.previous.containers.find(({ id }) => id === last.id);
    const usage = previous && usageOf(pair, previous, last);
    if (!usage) return undefined;
    containers.push({ name: last.name, usage });
  }
  if (containers.length === 0) return undefined;
  const { name, namespace, labels } = pod.metadata;
  const at = timestamp(pair.last.receivedAtMs);
  return {
    kind: 'PodMetrics',
    apiVersion: 'metrics.k8s.io/v1beta1',
    metadata: { name, namespace, ...(labels ? { labels } : {}), creationTimestamp: at },
    timestamp: at,
    window: windowOf(pair),
    containers,
  };
}

function usageOf(pair: UsagePair, before: Counters, after: Counters): Record<string, string> | undefined {
  const elapsedMs = pair.last.uptimeMs - pair.previous.uptimeMs;
  const workedNs = after.cpuNs - before.cpuNs;
  if (elapsedMs <= 0 || workedNs < 0) return undefined;
  const nanocores = BigInt(Math.round((workedNs * 1000) / elapsedMs));
  return {
    cpu: formatQuantity({ unscaled: nanocores, exponent: -9, format: 'DecimalSI' }),
    memory: bytesQuantity(after.memoryBytes),
  };
}

/** As Go writes a duration: `15.02s`, `1m0.5s`. */
export function windowOf({ previous, last }: UsagePair): string {
  const ms = Math.max(0, Math.round(last.uptimeMs - previous.uptimeMs));
  const minutes = Math.floor(ms / 60_000);
  return `${minutes > 0 ? `${minutes}m` : ''}${(ms - minutes * 60_000) / 1000}s`;
}
