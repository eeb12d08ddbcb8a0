import { events } from '#proto/api/core/events.ts';
import type { Clock } from '#proto/meta/clock.ts';
import type { Logger } from '#proto/meta/log.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import { isNotFound } from '#proto/meta/status-error.ts';
import { timestamp } from '#proto/meta/timestamp.ts';
import type { Event, ObjectReference } from '#proto/schema/generated/core-v1.ts';
import type { ApiClient } from '#server/client/client.ts';
import type { EventWords } from '#server/client/event-words.ts';

// Its users before it had a file of its own.
export type { EventWords };

/** Tells users what happened to an object. Never throws, never waits: an event that is lost is lost. */
export interface EventRecorder {
  event(about: KubeObject | ObjectReference, words: EventWords): void;
}

export interface EventRecorderOptions {
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly log: Logger;
  /** `deployment-controller`, `default-scheduler`: `kubectl describe` shows it under From. */
  readonly component: string;
}

interface Known {
  readonly name: string;
  readonly firstTimestamp: string;
  count: number;
}

const CACHE_SIZE = 512;
/** Upstream's spam filter: this many at once for one object, then one in five minutes. */
const BURST = 25;
const REFILL_MS = 300_000;
/** This many different messages of one reason within ten minutes are then told as one. */
const SIMILAR = 10;
const SIMILAR_MS = 600_000;

/**
 * Writes core/v1 Events as upstream's correlator does: a repeated event raises the count of the one that is
 * there, a flood of similar ones is combined, and one object can't flood the store.
 */
export class ApiEventRecorder implements EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #known = new Map<string, Known>();
  readonly #similar = new Map<string, { messages: Set<string>; since: number }>();
  readonly #tokens = new Map<string, { left: number; at: number }>();
  #writing: Promise<void> = Promise.resolve();
  #serial = 0;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
  }

  event(about: KubeObject | ObjectReference, words: EventWords): void {
    const ref = 'metadata' in about ? referenceTo(about) : about;
    const who = `${ref.kind}/${ref.namespace ?? ''}/${ref.name}/${ref.uid ?? ''}`;
    if (!this.#allowed(who)) return;
    const group = `${who}/${ref.fieldPath ?? ''}/${words.type}/${words.reason}`;
    const combined = this.#isFlood(group, words.message);
    const id = combined ? group : `${group}/${words.message}`;
    const message = combined ? `(combined from similar events): ${words.message}` : words.message;
    // One after the other: the second of two equal events must find the first.
    this.#writing = this.#writing.then(() =>
      this.#write(ref, { ...words, message }, id).catch((err: unknown) =>
        this.#options.log.debug('event lost', { reason: words.reason, object: ref.name, err }),
      ),
    );
  }

  /** Resolves when what was told so far is written. */
  flushed(): Promise<void> {
    return this.#writing;
  }

  async #write(ref: ObjectReference, words: EventWords, id: string): Promise<void> {
    const { client, clock, component } = this.#options;
    const now = timestamp(clock.now());
    const namespace = ref.namespace || 'default';
    const known = this.#known.get(id);
    if (known) {
      known.count += 1;
      try {
        await client.patch(events, { namespace, name: known.name }, 'merge', {
          count: known.count,
          message: words.message.slice(0, 1024),
          lastTimestamp: now,
        });
        return;
      } catch (err) {
        if (!isNotFound(err)) throw err;
      }
    }
    // As upstream and the boards have it, so that names sort by time; a number tells those of one millisecond apart.
    this.#serial = (this.#serial + 1) % 1_000_000;
    const stamp = BigInt(clock.now()) * 1_000_000n + BigInt(this.#serial);
    const name = `${ref.name}.${stamp.toString(16)}`;
    const fresh: Known = { name, firstTimestamp: now, count: 1 };
    const object: Event = {
      metadata: { name, namespace },
      involvedObject: ref,
      reason: words.reason,
      message: words.message.slice(0, 1024),
      type: words.type,
      source: { component },
      firstTimestamp: now,
      lastTimestamp: now,
      count: 1,
      reportingComponent: component,
      reportingInstance: '',
    };
    await client.create(events, object);
    remember(this.#known, id, fresh);
  }

  #allowed(who: string): boolean {
    const now = this.#options.clock.now();
    const bucket = this.#tokens.get(who) ?? { left: BURST, at: now };
    const refill = Math.floor((now - bucket.at) / REFILL_MS);
    const left = Math.min(BURST, bucket.left + refill);
    const at = refill > 0 ? now : bucket.at;
    remember(this.#tokens, who, { left: Math.max(0, left - 1), at });
    return left > 0;
  }

  #isFlood(group: string, message: string): boolean {
    const now = this.#options.clock.now();
    const old = this.#similar.get(group);
    const entry = old && now - old.since < SIMILAR_MS ? old : { messages: new Set<string>(), since: now };
    remember(this.#similar, group, entry);
    if (entry.messages.size < SIMILAR) entry.messages.add(message);
    return !entry.messages.has(message);
  }
}

/** For units that look at what was told, and for those that do not. */
export class RecordedEvents implements EventRecorder {
  readonly told: string[] = [];

  event(_about: KubeObject | ObjectReference, words: EventWords): void {
    this.told.push(`${words.type} ${words.reason} ${words.message}`);
  }
}

/** How one object names another. */
export function referenceTo(object: KubeObject): ObjectReference {
  return {
    apiVersion: object.apiVersion,
    kind: object.kind,
    name: object.metadata.name,
    namespace: object.metadata.namespace,
    uid: object.metadata.uid,
    resourceVersion: object.metadata.resourceVersion,
  };
}

/** Least recently used goes first. */
function remember<V>(map: Map<string, V>, key: string, value: V): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= CACHE_SIZE) return;
  const oldest = map.keys().next();
  if (!oldest.done) map.delete(oldest.value);
}
