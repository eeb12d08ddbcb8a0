import { type Family, family } from '#proto/metrics/exposition.ts';
import { Numbers } from '#proto/metrics/metrics.ts';
import type { QueueObserver } from '#server/client/work-queue.ts';

/** The controllers' queues, under the names that client-go gives them. */
export class QueueMetrics {
  readonly #lengths = new Map<string, () => number>();
  readonly #adds = new Numbers('workqueue_adds_total', 'counter', 'Keys that were added.', ['name']);
  readonly #retries = new Numbers('workqueue_retries_total', 'counter', 'Keys that had to be tried again.', [
    'name',
  ]);
  readonly #seconds = new Numbers(
    'workqueue_work_seconds_total',
    'counter',
    'How long the work on keys took, all in all.',
    ['name'],
  );

  observe(name: string, length: () => number): QueueObserver {
    this.#lengths.set(name, length);
    return {
      added: () => this.#adds.add(1, name),
      retried: () => this.#retries.add(1, name),
      worked: (seconds) => this.#seconds.add(seconds, name),
    };
  }

  families(): readonly Family[] {
    const depth = family('workqueue_depth', 'gauge', 'Keys that wait.', ['name'], () =>
      [...this.#lengths].map(([name, length]) => [[name], length()] as const),
    );
    return [depth, this.#adds, this.#retries, this.#seconds];
  }
}
