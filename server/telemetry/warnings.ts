/**
 * Publishes Events of type Warning as they come: one watch, no copy of what there is. A cluster that is in trouble warns a lot; who
 * reads MQTT gets the first of a burst, and `kubectl events` has the rest.
 */
import { WARNINGS, type WarningEvent } from '#proto/agent/mqtt-topics.ts';
import { events } from '#proto/api/core/events.ts';
import type { Clock } from '#proto/meta/clock.ts';
import type { Logger } from '#proto/meta/log.ts';
import { timestamp } from '#proto/meta/timestamp.ts';
import type { Event } from '#proto/schema/generated/core-v1.ts';
import { backoffMs } from '#server/client/backoff.ts';
import type { ApiClient } from '#server/client/client.ts';

export interface WarningsOptions {
  readonly client: Pick<ApiClient, 'list' | 'watch'>;
  readonly tell: (topic: string, payload: string) => void;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
}

const SELECTOR = 'type=Warning';
const BACKOFF = { baseMs: 1_000, maxMs: 30_000 };
const BURST = 20;
const REFILL_MS = 3_000;
/** A message of an Event is at most 1 KiB; a phone's screen is smaller. */
const MAX_MESSAGE = 400;

/** Runs until the signal; never rejects. What happened before it began is not told. */
export async function publishWarnings(options: WarningsOptions, signal: AbortSignal): Promise<void> {
  const { client, tell, clock, random, log } = options;
  let tokens = BURST;
  let refilledAt = clock.now();
  const take = (): boolean => {
    const refill = Math.floor((clock.now() - refilledAt) / REFILL_MS);
    tokens = Math.min(BURST, tokens + refill);
    refilledAt += refill * REFILL_MS;
    return tokens > 0 && tokens-- > 0;
  };
  for (let attempt = 0; !signal.aborted; attempt++) {
    try {
      const { metadata } = await client.list<Event>(events, { fieldSelector: SELECTOR, limit: 1, signal });
      const resourceVersion = metadata.resourceVersion ?? '0';
      const watch = client.watch<Event>(events, { fieldSelector: SELECTOR, resourceVersion, signal });
      for await (const { type, object } of watch) {
        if (type === 'ERROR') break;
        attempt = 0;
        if (type === 'ADDED' || type === 'MODIFIED')
          if (take()) tell(WARNINGS, JSON.stringify(planWarning(object, clock.now())));
      }
    } catch (err) {
      log.debug('warnings are not watched', { err });
    }
    await clock.sleep(backoffMs(attempt, BACKOFF, random), signal).catch(() => {});
  }
}

function planWarning(event: Event, now: number): WarningEvent {
  const { involvedObject, reason = '', message = '', count, series, lastTimestamp, eventTime } = event;
  return {
    ts: lastTimestamp ?? eventTime ?? timestamp(now),
    kind: involvedObject.kind ?? '',
    namespace: involvedObject.namespace || null,
    name: involvedObject.name ?? '',
    reason,
    message: message.length > MAX_MESSAGE ? `${message.slice(0, MAX_MESSAGE)}\u2026` : message,
    count: series?.count ?? count ?? 1,
  };
}
