/**
 * How messages go from publishers to subscribers. aedes' own emitter waits for every subscriber before it takes the next message,
 * so that one that reads nothing holds up all others, and unwinds what waits by recursion: some thousand messages of a frozen
 * subscriber end the process. Here nobody waits for anybody: each subscriber's connection buffers what it can not send, and what is
 * beyond its bound is dropped for it alone (see gate.ts).
 */
import { topicMatches } from '../access.plan.ts';

interface Message {
  readonly topic: string;
}
type Deliver = (message: Message, done: () => void) => void;

/** The part of `mqemitter` that aedes uses. */
export class MessageBus {
  readonly #subscribers = new Map<string, Set<Deliver>>();
  #closed = false;

  on(filter: string, deliver: Deliver, done?: () => void): this {
    const there = this.#subscribers.get(filter);
    if (there) there.add(deliver);
    else this.#subscribers.set(filter, new Set([deliver]));
    if (done) setImmediate(done);
    return this;
  }

  removeListener(filter: string, deliver: Deliver, done?: () => void): this {
    const there = this.#subscribers.get(filter);
    there?.delete(deliver);
    if (there?.size === 0) this.#subscribers.delete(filter);
    if (done) setImmediate(done);
    return this;
  }

  emit(message: Message, done: (err?: Error) => void = ignore): this {
    if (this.#closed) {
      done(new Error('the broker is closing'));
      return this;
    }
    for (const [filter, deliveries] of this.#subscribers) {
      if (!topicMatches(filter, message.topic)) continue;
      for (const deliver of deliveries) deliver(message, ignore);
    }
    setImmediate(done);
    return this;
  }

  close(done: () => void): this {
    this.#closed = true;
    setImmediate(done);
    return this;
  }
}

const ignore = (): void => {};
