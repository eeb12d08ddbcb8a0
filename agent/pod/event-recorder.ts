/**
 * Kubernetes events of this board. The same event about the same object is counted up, not written again; one object
 * has a burst of 25 and then one in five minutes; while the server is away only the newest few are kept.
 */

import type { Cluster } from '#agent/link/cluster.ts';
import type { Clock } from '#proto/meta/clock.ts';
import type { Logger } from '#proto/meta/log.ts';
import { isNotFound } from '#proto/meta/status-error.ts';
import { timestamp } from '#proto/meta/timestamp.ts';
import type { Event, ObjectReference } from '#proto/schema/generated/core-v1.ts';

export type EventType = 'Normal' | 'Warning';

const KEPT_WHILE_AWAY = 64;
const REMEMBERED = 256;
const BURST = 25;
const REFILL_MS = 300_000;
const MAX_MESSAGE = 1024;

interface Seen {
  readonly name: string;
  readonly first: string;
  count: number;
}

export interface EventRecorderOptions {
  readonly cluster: Cluster;
  readonly clock: Clock;
  readonly log: Logger;
  readonly nodeName: string;
}

export class EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #seen = new Map<string, Seen>();
  readonly #budget = new Map<string, { tokens: number; atMs: number }>();
  #queue: { key: string; event: Event }[] = [];
  #sending = false;
  #serial = 0;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
    options.cluster.onConnection((connected) => {
      if (connected) void this.#drain();
    });
  }

  /** Never rejects and never waits: an event is worth less than what it tells of. */
  record(about: ObjectReference, type: EventType, reason: string, message: string): void {
    const { clock, nodeName } = this.#options;
    if (!this.#allowed(about.uid ?? about.name ?? '')) return;
    const now = timestamp(clock.now());
    const text = message.length > MAX_MESSAGE ? message.slice(0, MAX_MESSAGE) : message;
    const key = [about.uid, about.fieldPath, type, reason, text].join('|');
    const seen = this.#seen.get(key) ?? { name: this.#name(about), first: now, count: 0 };
    seen.count++;
    this.#seen.delete(key);
    this.#seen.set(key, seen);
    if (this.#seen.size > REMEMBERED) {
      const oldest = this.#seen.keys().next().value;
      if (oldest !== undefined) this.#seen.delete(oldest);
    }
    const event: Event = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: seen.name, namespace: about.namespace ?? 'default' },
      involvedObject: about,
      reason,
      message: text,
      source: { component: 'kubelet', host: nodeName },
      firstTimestamp: seen.first,
      lastTimestamp: now,
      count: seen.count,
      type,
      reportingComponent: 'kubelet',
      reportingInstance: nodeName,
    };
    this.#queue = this.#queue.filter((waiting) => waiting.key !== key);
    this.#queue.push({ key, event });
    if (!this.#options.cluster.connected) this.#queue = this.#queue.slice(-KEPT_WHILE_AWAY);
    void this.#drain();
  }

  async #drain(): Promise<void> {
    if (this.#sending) return;
    this.#sending = true;
    try {
      for (;;) {
        if (!this.#options.cluster.connected) return;
        const next = this.#queue.shift();
        if (!next) return;
        await this.#send(next.event).catch((err: unknown) => {
          this.#options.log.debug('event not written', { reason: next.event.reason, err });
        });
      }
    } finally {
      this.#sending = false;
    }
  }

  async #send(event: Event): Promise<void> {
    const { cluster } = this.#options;
    const list = `/api/v1/namespaces/${event.metadata.namespace}/events`;
    if ((event.count ?? 1) > 1) {
      const patch = { count: event.count, lastTimestamp: event.lastTimestamp };
      try {
        await cluster.api('PATCH', `${list}/${event.metadata.name}`, patch, 'application/merge-patch+json');
        return;
      } catch (err) {
        if (!isNotFound(err)) throw err;
      }
    }
    await cluster.api('POST', list, event);
  }

  #allowed(object: string): boolean {
    const now = this.#options.clock.now();
    const budget = this.#budget.get(object) ?? { tokens: BURST, atMs: now };
    const tokens = Math.min(BURST, budget.tokens + (now - budget.atMs) / REFILL_MS);
    this.#budget.delete(object);
    this.#budget.set(object, { tokens: tokens >= 1 ? tokens - 1 : tokens, atMs: now });
    if (this.#budget.size > REMEMBERED) {
      const oldest = this.#budget.keys().next().value;
      if (oldest !== undefined) this.#budget.delete(oldest);
    }
    return tokens >= 1;
  }

  /** Unique on this board: the time, as upstream has it, and a number for those of one millisecond. */
  #name(about: ObjectReference): string {
    this.#serial = (this.#serial + 1) % 1_000_000;
    const stamp = BigInt(this.#options.clock.now()) * 1_000_000n + BigInt(this.#serial);
    return `${about.name}.${stamp.toString(16)}`;
  }
}
