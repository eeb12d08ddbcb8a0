import { createHash } from 'node:crypto';

export interface QueueConfig {
  readonly queues: number;
  readonly handSize: number;
  readonly queueLengthLimit: number;
}

export interface Queued {
  /** How much of the level it takes while it runs. */
  readonly seats: number;
  /** Of its flow: see {@link hashFlow}. */
  readonly hash: bigint;
}

interface Queue<T> {
  readonly waiting: T[];
  /** What has been served from here, in seats: the queue that is behind goes first. */
  virtual: number;
}

/**
 * Requests of one priority level that wait, in queues that are served in turn. A flow has a hand of queues and waits
 * where fewest do: a loud flow fills its own hand, and another's has most likely a queue without it. Queues that are
 * empty are not there. Rule: upstream's `fairqueuing/queueset` and `shufflesharding`, with work counted in seats.
 */
export class FairQueues<T extends Queued> {
  readonly #config: QueueConfig;
  readonly #queues = new Map<number, Queue<T>>();
  #virtual = 0;
  #size = 0;

  constructor(config: QueueConfig) {
    this.#config = config;
  }

  get size(): number {
    return this.#size;
  }

  /** False where all queues of the flow are full. */
  push(item: T): boolean {
    let best: { readonly index: number; readonly length: number } | undefined;
    for (const index of dealHand(item.hash, this.#config)) {
      const length = this.#queues.get(index)?.waiting.length ?? 0;
      if (!best || length < best.length) best = { index, length };
    }
    if (!best || best.length >= this.#config.queueLengthLimit) return false;
    const queue = this.#queues.get(best.index);
    if (queue) queue.waiting.push(item);
    else this.#queues.set(best.index, { waiting: [item], virtual: this.#virtual });
    this.#size++;
    return true;
  }

  /** Takes the request whose turn it is, if it fits; one that does not is waited for, or it would never run. */
  take(fits: (item: T) => boolean): T | undefined {
    let next: [number, Queue<T>] | undefined;
    for (const entry of this.#queues) if (!next || entry[1].virtual < next[1].virtual) next = entry;
    const item = next?.[1].waiting[0];
    if (!next || !item || !fits(item)) return undefined;
    const [index, queue] = next;
    this.#virtual = queue.virtual;
    queue.virtual += item.seats;
    this.#drop(index, queue, 0);
    return item;
  }

  remove(item: T): void {
    for (const [index, queue] of this.#queues) {
      const at = queue.waiting.indexOf(item);
      if (at < 0) continue;
      this.#drop(index, queue, at);
      return;
    }
  }

  /** Everything that waits, which then waits no more. */
  drain(): T[] {
    const all = [...this.#queues.values()].flatMap(({ waiting }) => waiting);
    this.#queues.clear();
    this.#size = 0;
    return all;
  }

  #drop(index: number, queue: Queue<T>, at: number): void {
    queue.waiting.splice(at, 1);
    this.#size--;
    if (queue.waiting.length === 0) this.#queues.delete(index);
    if (this.#size === 0) this.#virtual = 0;
  }
}

/** A flow: a FlowSchema, and what it tells its requests apart by. */
export const hashFlow = (schema: string, distinguisher: string): bigint =>
  createHash('sha256').update(`${schema}\0${distinguisher}`).digest().readBigUInt64LE();

/** `handSize` different queues, all hands equally likely. */
export function dealHand(
  hash: bigint,
  { queues, handSize }: Pick<QueueConfig, 'queues' | 'handSize'>,
): number[] {
  const hand: number[] = [];
  let left = hash;
  for (let i = 0; i < Math.min(handSize, queues); i++) {
    const deck = BigInt(queues - i);
    let card = Number(left % deck);
    left /= deck;
    // Of the cards that are left in the deck.
    for (const taken of [...hand].sort((a, b) => a - b)) if (card >= taken) card++;
    hand.push(card);
  }
  return hand;
}
