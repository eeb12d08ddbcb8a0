import type { Usage } from '#proto/agent/generated/link.ts';
import type { Clock } from '#proto/meta/clock.ts';
import type { UsagePair, UsageReport } from '#server/metrics/usage.plan.ts';

/** After so many intervals without a word, what a board last said is of no use. Idle boards speak every fourth. */
const STALE_INTERVALS = 5;
/** A board runs no more than this; what it says beyond is not kept. */
const MAX_CONTAINERS = 2000;

interface Known {
  readonly last: UsageReport;
  readonly previous: UsageReport | undefined;
}

/** The last two reports of each board, in memory alone: a restarted server has figures again after two intervals. */
export class UsageStore {
  readonly intervalMs: number;
  readonly #clock: Clock;
  readonly #boards = new Map<string, Known>();

  constructor(clock: Clock, intervalMs: number) {
    this.#clock = clock;
    this.intervalMs = intervalMs;
  }

  readonly record = (nodeName: string, usage: Usage): void => {
    const last: UsageReport = {
      receivedAtMs: this.#clock.now(),
      uptimeMs: usage.uptimeMs,
      cpuNs: Number(usage.cpuNs),
      memoryBytes: Number(usage.memoryBytes),
      containers: usage.containers.slice(0, MAX_CONTAINERS).map((container) => ({
        ...container,
        cpuNs: Number(container.cpuNs),
        memoryBytes: Number(container.memoryBytes),
      })),
    };
    const before = this.#boards.get(nodeName)?.last;
    // A report that comes right after another (a new connection) would make a rate of noise.
    const tooClose = before && last.uptimeMs - before.uptimeMs < this.intervalMs / 2;
    const previous =
      tooClose && last.uptimeMs >= before.uptimeMs ? this.#boards.get(nodeName)?.previous : before;
    this.#boards.set(nodeName, {
      last,
      previous: previous && previous.uptimeMs < last.uptimeMs ? previous : undefined,
    });
    this.#dropStale();
  };

  /** Undefined until there are two reports, and once the board is silent. */
  pairOf(nodeName: string): UsagePair | undefined {
    const known = this.#boards.get(nodeName);
    if (!known?.previous || this.#isStale(known)) return undefined;
    return { last: known.last, previous: known.previous };
  }

  #isStale({ last }: Known): boolean {
    return this.#clock.now() - last.receivedAtMs > STALE_INTERVALS * this.intervalMs;
  }

  /** So that boards which come and go under new names leave nothing behind. */
  #dropStale(): void {
    for (const [name, known] of this.#boards) if (this.#isStale(known)) this.#boards.delete(name);
  }
}
