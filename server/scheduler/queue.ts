import type { Pod } from '#proto/schema/generated/core-v1.ts';

/** Highest priority first, then oldest first. Rule: upstream's PrioritySort. */
export function before(a: Pod, b: Pod): number {
  const byPriority = (b.spec.priority ?? 0) - (a.spec.priority ?? 0);
  if (byPriority !== 0) return byPriority;
  return (a.metadata.creationTimestamp ?? '') < (b.metadata.creationTimestamp ?? '') ? -1 : 1;
}

interface Waiting {
  readonly pod: Pod;
  /** Epoch milliseconds. */
  readonly notBefore: number;
  readonly attempts: number;
}

const FIRST_BACKOFF_MS = 1_000;
const MAX_BACKOFF_MS = 10_000;

/**
 * Pods that want a node. Those that did not fit wait until something in the cluster changes in their favour, and at
 * least their back-off; nothing is tried over and over for its own sake.
 */
export class SchedulingQueue {
  readonly #active = new Map<string, Pod>();
  readonly #waiting = new Map<string, Waiting>();
  readonly #attempts = new Map<string, number>();

  /** A Pod that is new or has changed. An unchanged spec of one that waits does not wake it. */
  add(uid: string, pod: Pod): void {
    const waiting = this.#waiting.get(uid);
    if (waiting && waiting.pod.metadata.generation === pod.metadata.generation) {
      this.#waiting.set(uid, { ...waiting, pod });
      return;
    }
    this.#waiting.delete(uid);
    this.#active.set(uid, pod);
  }

  remove(uid: string): void {
    this.#active.delete(uid);
    this.#waiting.delete(uid);
    this.#attempts.delete(uid);
  }

  next(): { readonly uid: string; readonly pod: Pod } | undefined {
    let first: { uid: string; pod: Pod } | undefined;
    for (const [uid, pod] of this.#active) if (!first || before(pod, first.pod) < 0) first = { uid, pod };
    if (first) this.#active.delete(first.uid);
    return first;
  }

  /** It did not fit, or binding failed. */
  park(uid: string, pod: Pod, now: number): void {
    const attempts = (this.#attempts.get(uid) ?? 0) + 1;
    this.#attempts.set(uid, attempts);
    const backoff = Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** Math.min(attempts - 1, 10));
    this.#waiting.set(uid, { pod, notBefore: now + backoff, attempts });
  }

  /**
   * Something changed that may help: those whose back-off is over are active again. Gives the time at which the next one's is,
   * or undefined where none waits for its back-off alone.
   */
  wake(now: number): number | undefined {
    let next: number | undefined;
    for (const [uid, { pod, notBefore }] of this.#waiting) {
      if (notBefore <= now) {
        this.#waiting.delete(uid);
        this.#active.set(uid, pod);
      } else {
        next = Math.min(next ?? notBefore, notBefore);
      }
    }
    return next;
  }

  get waiting(): number {
    return this.#waiting.size;
  }
}
