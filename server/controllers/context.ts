import type { Clock } from '#proto/meta/clock.ts';
import type { Logger } from '#proto/meta/log.ts';
import type { ApiClient } from '#server/client/client.ts';
import type { EventRecorder } from '#server/client/events.ts';
import type { InformerFactory } from '#server/client/informer-factory.ts';
import type { Outcome } from '#server/client/work-queue.ts';
import { WorkQueue } from '#server/client/work-queue.ts';
import type { QueueMetrics } from '#server/metrics/queue-metrics.ts';

/** What every controller gets. A controller registers its informers at once and works in `start`. */
export interface ControllerContext {
  readonly client: ApiClient;
  readonly informers: InformerFactory;
  readonly clock: Clock;
  readonly log: Logger;
  readonly rng: () => number;
  readonly queues?: QueueMetrics | undefined;
  /** A recorder that speaks as `component`. */
  readonly recorderFor: (component: string) => EventRecorder;
}

/** Begins work; called after all caches have synced. Ends with the signal. */
export interface Controller {
  start(signal: AbortSignal): void;
}

/** A queue of this controller, with the context's clock, log and randomness. */
export function createQueue(
  context: ControllerContext,
  name: string,
  reconcile: (key: string, signal: AbortSignal) => Promise<Outcome> | Outcome,
  workers = 2,
): WorkQueue {
  const { clock, rng, queues } = context;
  const log = context.log.with({ controller: name });
  return new WorkQueue({
    name,
    clock,
    rng,
    log,
    reconcile,
    workers,
    ...(queues ? { observe: (length) => queues.observe(name, length) } : {}),
  });
}
