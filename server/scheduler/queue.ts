/**
 * Pods that want a node. Those that did not fit are parked until something in the cluster changes in their favour, and
 * at least for their back-off; nothing is tried over and over for its own sake.
 */
import type { Pod } from '#proto/schema/generated/core-v1.ts';

/** Highest priority first, then oldest first. Rule: upstream's PrioritySort. */
export function compareTurns(a: Pod, b: Pod): number {
  const byPriority = (b.spec.priority ?? 0) - (a.spec.priority ?? 0);
  if (byPriority !== 0) return byPriority;
  const [ofA, ofB] = [a.metadata.creationTimestamp ?? '', b.metadata.creationTimestamp ?? ''];
  return ofA === ofB ? 0 : ofA < ofB ? -1 : 1;
}

interface Parked {
  readonly pod: Pod;
  /** Epoch milliseconds. */
  readonly notBefore: number;
  /** Something has changed since: only the back-off holds it. */
  readonly woken: boolean;
}

const FIRST_BACKOFF_MS = 1_000;
const MAX_BACKOFF_MS = 10_000;

export class SchedulingQueue {
  /** In order of arrival. */
  readonly #active = new Map<string, Pod>();
  /** The uids of the active ones, last first; undefined after one more has come. */
  #order: string[] | undefined;
  readonly #parked = new Map<string, Parked>();
  readonly #attempts = new Map<string, number>();

  /** A Pod that is new or has changed. One that is parked is woken by a new spec, not by a new status. */
  add(uid: string, pod: Pod): void {
    const parked = this.#parked.get(uid);
    if (parked) {
      const woken = parked.woken || parked.pod.metadata.generation !== pod.metadata.generation;
      this.#parked.set(uid, { ...parked, pod, woken });
    } else {
      this.#activate(uid, pod);
    }
  }

  /** Bound, deleted, or not ours any more. */
  remove(uid: string): void {
    this.#active.delete(uid);
    this.#parked.delete(uid);
    this.#attempts.delete(uid);
  }

  next(): { readonly uid: string; readonly pod: Pod } | undefined {
    // A stable sort: of equals, the one that came first is first.
    this.#order ??= [...this.#active]
      .sort(([, a], [, b]) => compareTurns(a, b))
      .map(([uid]) => uid)
      .reverse();
    for (let uid = this.#order.pop(); uid !== undefined; uid = this.#order.pop()) {
      const pod = this.#active.get(uid);
      // One that was removed since the sort.
      if (!pod) continue;
      this.#active.delete(uid);
      return { uid, pod };
    }
    return undefined;
  }

  /** It did not fit: it waits for a change. */
  park(uid: string, pod: Pod, now: number): void {
    this.#backOff(uid, pod, now, false);
  }

  /** It fitted, but did not get there: it waits for its back-off alone. */
  retry(uid: string, pod: Pod, now: number): void {
    this.#backOff(uid, pod, now, true);
  }

  /** Something has changed that may help those that are parked by now. */
  wake(): void {
    for (const [uid, parked] of this.#parked)
      if (!parked.woken) this.#parked.set(uid, { ...parked, woken: true });
  }

  /**
   * Those that were woken and whose back-off is over are active again. Gives the time at which the next one's is over, or
   * undefined where none waits for its back-off alone.
   */
  release(now: number): number | undefined {
    let next: number | undefined;
    for (const [uid, { pod, notBefore, woken }] of this.#parked) {
      if (!woken) continue;
      if (notBefore <= now) {
        this.#parked.delete(uid);
        this.#activate(uid, pod);
      } else {
        next = Math.min(next ?? notBefore, notBefore);
      }
    }
    return next;
  }

  get active(): number {
    return this.#active.size;
  }

  get parked(): number {
    return this.#parked.size;
  }

  #activate(uid: string, pod: Pod): void {
    this.#active.set(uid, pod);
    this.#order = undefined;
  }

  #backOff(uid: string, pod: Pod, now: number, woken: boolean): void {
    const attempts = (this.#attempts.get(uid) ?? 0) + 1;
    this.#attempts.set(uid, attempts);
    const backoffMs = Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** Math.min(attempts - 1, 10));
    this.#parked.set(uid, { pod, notBefore: now + backoffMs, woken });
  }
}
