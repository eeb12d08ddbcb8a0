import type { CardSample } from './card.plan.ts';

export interface DiskSample {
  readonly totalBytes: number;
  readonly availableBytes: number;
  /** 0 for a file system that does not count them. */
  readonly inodes: number;
  readonly freeInodes: number;
}

/** The board's last sample: one interface over systeminformation and what is read from /proc and /sys. */
export interface NodeSample {
  /** Epoch milliseconds. */
  readonly atMs: number;
  /** 0…100, over all cores, since the sample before. */
  readonly cpuPercent: number;
  readonly memoryTotalBytes: number;
  /** What could be given to a program now: free memory and what the kernel would drop. */
  readonly memoryAvailableBytes: number;
  readonly swapUsedBytes: number;
  readonly load1: number;
  readonly uptimeSeconds: number;
  /** Undefined where the board has no sensor. */
  readonly temperatureCelsius: number | undefined;
  /** The firmware's bits: 0 under-voltage, 1 capped, 2 throttled, 16–18 the same since boot; undefined elsewhere. */
  readonly throttled: number | undefined;
  /** As a monitor of the supply tells it; undefined where there is none. */
  readonly underVoltage?: boolean | undefined;
  /** Of what feeds the board; undefined where nothing measures it. */
  readonly volts?: number | undefined;
  /** How that disk fares. */
  readonly card: CardSample;
  /** Where Pods write. */
  readonly disk: DiskSample;
  /** Where images lie, if that is another file system. */
  readonly imageDisk?: DiskSample | undefined;
  /** The cgroup around all Pods; undefined until there is one with a limit. */
  readonly podsMemory?: { readonly limitBytes: number; readonly workingSetBytes: number } | undefined;
  readonly network: { readonly receivedBytes: number; readonly sentBytes: number };
  readonly processes: number;
  readonly maxProcesses: number;
}

/** Keeps the last sample and tells who listens: MQTT publishes it, the node's conditions are made of it. */
export class NodeMetrics {
  #last: NodeSample | undefined;
  readonly #listeners = new Set<(sample: NodeSample) => void>();

  get last(): NodeSample | undefined {
    return this.#last;
  }

  set(sample: NodeSample): void {
    this.#last = sample;
    for (const listener of this.#listeners) listener(sample);
  }

  onSample(listener: (sample: NodeSample) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
