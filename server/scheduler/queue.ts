/**
 * Pods that want a node. Those that did not fit are parked until something in the cluster changes in their favour; nothing is
 * tried over and over for its own sake, and nothing is polled.
 * - A change that makes room on a node for a Pod lets it try at once, if there is room still when its turn comes.
 * - After changes of which that is not sure, and after a binding that failed, it waits for its back-off.
 */
import type { Hint } from './changes.plan.ts';
import { Heap } from './heap.ts';
import type { PodInfo } from './pod-info.plan.ts';

/** Highest priority first, then the earliest deadline, then the oldest. Rule: upstream's PrioritySort, but for deadlines. */
export function compareTurns(a: PodInfo, b: PodInfo): number {
  if (a.priority !== b.priority) return b.priority - a.priority;
  if (a.deadline !== b.deadline) return a.deadline < b.deadline ? -1 : 1;
  const ofA = a.pod.metadata.creationTimestamp ?? '';
  const ofB = b.pod.metadata.creationTimestamp ?? '';
  return ofA === ofB ? 0 : ofA < ofB ? -1 : 1;
}

export interface QueuedPod {
  readonly uid: string;
  pod: PodInfo;
  /** The filters that refused it last. */
  by: ReadonlySet<string>;
}

/** How a Pod waits. */
export interface Parking {
  readonly by: ReadonlySet<string>;
  /**
   * Equal for Pods to which every change means the same: one is asked for all of them. Undefined where each is asked, because
   * more than one node at a time matters to it.
   */
  readonly kind: string | undefined;
}

/** Whom to ask after a change. */
export interface Wake {
  readonly hint: (pod: QueuedPod) => Hint;
  /** Pods that are asked on their own, whatever their kind. */
  readonly uids: readonly string[];
  /** Are the kinds asked? Not all changes can mean something to Pods to which one node at a time matters. */
  readonly kinds: boolean;
}

interface Entry extends QueuedPod {
  readonly serial: number;
  attempts: number;
  /** Epoch milliseconds. */
  notBefore: number;
  state: 'active' | 'parked' | 'fits' | 'backing off' | 'taken';
  /** Of its turn in a heap: turns with other tickets are void. */
  ticket: number;
  kind: string | undefined;
  /** Nodes on which it fitted when it was told so. */
  nodes: Set<string> | undefined;
}

interface Turn {
  readonly entry: Entry;
  /** As it was when it got in line. */
  readonly pod: PodInfo;
  readonly ticket: number;
}

const FIRST_BACKOFF_MS = 1_000;
const MAX_BACKOFF_MS = 10_000;
const NOBODY: ReadonlySet<string> = new Set();

export class SchedulingQueue {
  readonly #entries = new Map<string, Entry>();
  readonly #turns = new Heap<Turn>(isEarlier);
  readonly #fits = new Set<Entry>();
  /** Parked, each on its own. */
  readonly #single = new Set<Entry>();
  /** Parked, by kind. */
  readonly #kinds = new Map<string, Set<Entry>>();
  #kindsCount = 0;
  readonly #backingOff = new Set<Entry>();
  #activeCount = 0;
  #serial = 0;

  /** A Pod that is new or has changed. One that is parked is woken by a new spec or metadata, not by a new status. */
  add(pod: PodInfo): void {
    const known = this.#entries.get(pod.uid);
    if (!known) {
      this.#serial++;
      const { uid } = pod;
      const entry: Entry = {
        ...{ uid, pod, serial: this.#serial, by: NOBODY, attempts: 0, notBefore: 0 },
        ...{ state: 'taken', kind: undefined, nodes: undefined, ticket: 0 },
      };
      this.#entries.set(uid, entry);
      this.#activate(entry);
      return;
    }
    const before = known.pod;
    known.pod = pod;
    if (!asksAnew(before, pod)) return;
    if (known.state === 'parked') this.#setState(known, 'backing off');
    else if (known.state === 'active' || known.state === 'fits') this.#lineUp(known);
  }

  /** Bound, deleted, or not ours any more. */
  remove(uid: string): void {
    const entry = this.#entries.get(uid);
    if (!entry) return;
    // The room that it was told of is there for others of its kind.
    if (entry.state === 'fits') this.#handOn(entry, entry.nodes ?? NOBODY);
    this.#leave(entry);
    entry.state = 'taken';
    this.#entries.delete(uid);
  }

  get(uid: string): QueuedPod | undefined {
    return this.#entries.get(uid);
  }

  /**
   * Whose turn it is; it is out of all lists until it is parked, retried or removed. `stillFits` is asked of Pods that were
   * told of room.
   */
  next(stillFits: (pod: PodInfo, nodeName: string) => boolean): QueuedPod | undefined {
    for (let turn = this.#turns.pop(); turn; turn = this.#turns.pop()) {
      const { entry, ticket } = turn;
      // One that was removed since, or has another place in the order now.
      if (entry.ticket !== ticket || (entry.state !== 'active' && entry.state !== 'fits')) continue;
      const { state, pod, nodes = NOBODY } = entry;
      if (state === 'active') return this.take(entry.uid);
      if ([...nodes].some((nodeName) => stillFits(pod, nodeName))) {
        this.#handOn(entry, nodes);
        return this.take(entry.uid);
      }
      // Others who are as important were faster.
      this.#setState(entry, 'parked');
    }
    return undefined;
  }

  /** Takes this one as well, whatever it waits for: it goes with another of its group. */
  take(uid: string): QueuedPod | undefined {
    const entry = this.#entries.get(uid);
    if (!entry || entry.state === 'taken') return undefined;
    this.#leave(entry);
    entry.state = 'taken';
    return entry;
  }

  /** It did not fit: it waits for a change. */
  park(uid: string, { by, kind }: Parking, now: number): void {
    const entry = this.#entries.get(uid);
    if (!entry) return;
    this.#leave(entry);
    entry.by = by;
    entry.kind = kind;
    this.#countAttempt(entry, now);
    this.#setState(entry, 'parked');
  }

  /** It fitted, but did not get there: it waits for its back-off alone. */
  retry(uid: string, now: number): void {
    const entry = this.#entries.get(uid);
    if (!entry) return;
    this.#countAttempt(entry, now);
    this.#setState(entry, 'backing off');
  }

  /** What it waited for is not to be had any more: it tries again after its back-off. */
  reconsider(uid: string): void {
    const entry = this.#entries.get(uid);
    if (entry?.state === 'parked') this.#setState(entry, 'backing off');
  }

  /** Something has changed. Of a kind that fits somewhere now, the first tries; the others after it, as long as there is room. */
  wake({ hint, uids, kinds }: Wake): void {
    for (const entry of this.#single) this.#tell(entry, hint(entry));
    for (const uid of uids) {
      const entry = this.#entries.get(uid);
      if (entry?.state === 'parked') this.#tell(entry, hint(entry));
    }
    if (!kinds) return;
    for (const entry of this.#fits) {
      const it = hint(entry);
      if (it.type === 'fits') entry.nodes?.add(it.nodeName);
    }
    for (const ofKind of this.#kinds.values()) {
      const one = firstOf(ofKind, ({ uid }) => !uids.includes(uid));
      const it = one ? hint(one) : undefined;
      if (it?.type === 'maybe') for (const entry of ofKind) this.#tell(entry, it);
      else if (it?.type === 'fits') this.#tell(earliestOf(ofKind), it);
    }
  }

  #tell(entry: Entry | undefined, it: Hint): void {
    if (!entry || it.type === 'no') return;
    if (it.type === 'maybe') {
      this.#setState(entry, 'backing off');
      return;
    }
    entry.nodes = new Set([it.nodeName]);
    this.#setState(entry, 'fits');
  }

  /** There may be room for one more of its kind. One that is told of other nodes already takes these with it. */
  #handOn(from: Entry, nodes: ReadonlySet<string>): void {
    const { kind } = from;
    if (kind === undefined) return;
    const told = firstOf(this.#fits, (entry) => entry !== from && entry.kind === kind);
    if (told) {
      for (const nodeName of nodes) told.nodes?.add(nodeName);
      return;
    }
    const next = earliestOf(this.#kinds.get(kind) ?? []);
    if (!next) return;
    next.nodes = new Set(nodes);
    this.#setState(next, 'fits');
  }

  /** Whose back-off is over is active again. Gives when the next one's is, or undefined where nobody backs off. */
  release(now: number): number | undefined {
    let next: number | undefined;
    for (const entry of this.#backingOff) {
      if (entry.notBefore <= now) {
        this.#backingOff.delete(entry);
        this.#activate(entry);
      } else {
        next = Math.min(next ?? entry.notBefore, entry.notBefore);
      }
    }
    return next;
  }

  /** Pods that would be tried now. */
  get active(): number {
    return this.#activeCount + this.#fits.size;
  }

  /** Pods that wait for a change. */
  get parked(): number {
    return this.#single.size + this.#kindsCount + this.#fits.size;
  }

  #activate(entry: Entry): void {
    entry.state = 'active';
    this.#activeCount++;
    this.#lineUp(entry);
  }

  #lineUp(entry: Entry): void {
    entry.ticket++;
    this.#turns.push({ entry, pod: entry.pod, ticket: entry.ticket });
  }

  #setState(entry: Entry, state: 'parked' | 'fits' | 'backing off'): void {
    this.#leave(entry);
    entry.state = state;
    if (state !== 'fits') entry.nodes = undefined;
    if (state === 'parked') this.#addParked(entry);
    else if (state === 'fits') {
      this.#fits.add(entry);
      this.#lineUp(entry);
    } else this.#backingOff.add(entry);
  }

  #leave(entry: Entry): void {
    if (entry.state === 'active') this.#activeCount--;
    if (entry.state === 'parked') this.#removeParked(entry);
    this.#fits.delete(entry);
    this.#backingOff.delete(entry);
  }

  #addParked(entry: Entry): void {
    if (entry.kind === undefined) {
      this.#single.add(entry);
      return;
    }
    const known = this.#kinds.get(entry.kind);
    if (known) known.add(entry);
    else this.#kinds.set(entry.kind, new Set([entry]));
    this.#kindsCount++;
  }

  #removeParked(entry: Entry): void {
    if (this.#single.delete(entry) || entry.kind === undefined) return;
    const ofKind = this.#kinds.get(entry.kind);
    if (!ofKind?.delete(entry)) return;
    this.#kindsCount--;
    if (ofKind.size === 0) this.#kinds.delete(entry.kind);
  }

  #countAttempt(entry: Entry, now: number): void {
    entry.attempts++;
    const backoffMs = Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** Math.min(entry.attempts - 1, 10));
    entry.notBefore = now + backoffMs;
  }
}

function firstOf(entries: Iterable<Entry>, suits: (entry: Entry) => boolean): Entry | undefined {
  for (const entry of entries) if (suits(entry)) return entry;
  return undefined;
}

function earliestOf(entries: Iterable<Entry>): Entry | undefined {
  let earliest: Entry | undefined;
  for (const entry of entries) {
    if (!earliest) {
      earliest = entry;
      continue;
    }
    const order = compareTurns(entry.pod, earliest.pod);
    if (order < 0 || (order === 0 && entry.serial < earliest.serial)) earliest = entry;
  }
  return earliest;
}

/** Of equals, the one that came first. */
function isEarlier(a: Turn, b: Turn): boolean {
  const order = compareTurns(a.pod, b.pod);
  return order === 0 ? a.entry.serial < b.entry.serial : order < 0;
}

/** Does the Pod ask for something else than before? */
const asksAnew = (before: PodInfo, now: PodInfo): boolean =>
  before.pod.metadata.generation !== now.pod.metadata.generation ||
  JSON.stringify([before.labels, before.pod.metadata.annotations]) !==
    JSON.stringify([now.labels, now.pod.metadata.annotations]);
