/**
 * The shell of the scheduler: takes Pods from the queue, lets the plan decide, binds.
 * - A decision counts at once ("assumed"), so that the next Pod sees it before the API does, and until the informer
 *   shows what became of it. A Pod that is assumed is never placed a second time.
 * - A Pod that did not fit is tried again after a change that may help it, and after its back-off.
 * - Another scheduler's Pods are left alone; what they hold on their nodes counts.
 */

import { nodes } from '#proto/api/core/nodes.ts';
import { pods } from '#proto/api/core/pods.ts';
import type { Clock } from '#proto/meta/clock.ts';
import type { Logger } from '#proto/meta/log.ts';
import { keyOf, parseKey } from '#proto/meta/object.ts';
import { isConflict, isNotFound } from '#proto/meta/status-error.ts';
import { timestamp } from '#proto/meta/timestamp.ts';
import type { Binding, Node, Pod, PodCondition } from '#proto/schema/generated/core-v1.ts';
import type { ApiClient } from '#server/client/client.ts';
import type { EventRecorder } from '#server/client/events.ts';
import type { ChangeType } from '#server/client/informer.ts';
import type { InformerFactory } from '#server/client/informer-factory.ts';
import { FILTERS } from './filter/index.ts';
import { NodeCache, uidOf } from './node-cache.ts';
import { holdsLess, isFinished } from './pod-info.plan.ts';
import { SchedulingQueue } from './queue.ts';
import { schedule } from './schedule.plan.ts';
import { SCORES } from './score/index.ts';

export interface SchedulerOptions {
  readonly client: ApiClient;
  readonly informers: InformerFactory;
  readonly events: EventRecorder;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
  /** Pods whose `spec.schedulerName` is another are not ours. */
  readonly schedulerName: string;
}

/** Bindings on their way to the store at a time: they share its group commits. */
const MAX_BINDING = 64;
/** Pods placed before others in the process get their turn. */
const MAX_AT_ONCE = 32;

export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #cache = new NodeCache();
  readonly #queue = new SchedulingQueue();
  #binding = 0;
  #due = false;
  #stopped = false;
  #releaseTimer: { readonly at: number; readonly cancel: AbortController } | undefined;

  constructor(options: SchedulerOptions) {
    this.#options = options;
  }

  /** Resolves once the caches are filled and the first Pods are being placed. */
  async start(signal: AbortSignal): Promise<void> {
    const { informers } = this.#options;
    const podInformer = informers.for(pods);
    const nodeInformer = informers.for(nodes);
    await Promise.all([podInformer.whenSynced(signal), nodeInformer.whenSynced(signal)]);
    const stops = [
      nodeInformer.onChange((type, node, old) => this.#onNode(type, node, old)),
      podInformer.onChange((type, pod, old) => this.#onPod(type, pod, old)),
    ];
    const stop = (): void => {
      this.#stopped = true;
      for (const end of stops) end();
      this.#releaseTimer?.cancel.abort();
    };
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  }

  #onNode(type: ChangeType, node: Node, old: Node | undefined): void {
    if (type === 'DELETED') {
      this.#cache.removeNode(keyOf(node));
      return;
    }
    this.#cache.setNode(node);
    // A heartbeat alone makes no room.
    if (!old || roomChanged(old, node)) this.#wake();
  }

  #onPod(type: ChangeType, pod: Pod, old: Pod | undefined): void {
    // A watch that started over may not have seen the end of an earlier one of this name.
    if (old && uidOf(old) !== uidOf(pod)) this.#onGone(old);
    if (type === 'DELETED' || isFinished(pod)) this.#onGone(pod);
    else if (pod.spec.nodeName) this.#onBound(pod, old);
    else this.#onPending(pod);
  }

  #onGone(pod: Pod): void {
    this.#queue.remove(uidOf(pod));
    if (this.#cache.removePod(uidOf(pod))) this.#wake();
  }

  #onBound(pod: Pod, old: Pod | undefined): void {
    this.#queue.remove(uidOf(pod));
    this.#cache.setPod(pod);
    if (this.#queue.parked === 0 || !old?.spec.nodeName) return;
    if (holdsLess(this.#cache.podInfo(old), this.#cache.podInfo(pod))) this.#wake();
  }

  #onPending(pod: Pod): void {
    const uid = uidOf(pod);
    if (this.#cache.isAssumed(uid)) return;
    if (!this.#isOurs(pod)) {
      this.#queue.remove(uid);
      return;
    }
    this.#queue.add(uid, pod);
    this.#release();
  }

  #isOurs({ spec, metadata }: Pod): boolean {
    return (
      (spec.schedulerName || 'default-scheduler') === this.#options.schedulerName &&
      !metadata.deletionTimestamp &&
      (spec.schedulingGates ?? []).length === 0
    );
  }

  /** Something may fit now that did not. */
  #wake(): void {
    this.#queue.wake();
    this.#release();
  }

  #release(): void {
    const at = this.#queue.release(this.#options.clock.now());
    if (at !== undefined) this.#releaseAt(at);
    this.#run();
  }

  #releaseAt(at: number): void {
    if (this.#stopped || (this.#releaseTimer && this.#releaseTimer.at <= at)) return;
    this.#releaseTimer?.cancel.abort();
    const cancel = new AbortController();
    this.#releaseTimer = { at, cancel };
    const { clock } = this.#options;
    clock.sleep(Math.max(0, at - clock.now()), cancel.signal).then(
      () => {
        this.#releaseTimer = undefined;
        this.#release();
      },
      () => {},
    );
  }

  /** Places what is active, on the next turn: a burst of Pods is seen whole, so that priorities hold. */
  #run(): void {
    if (this.#due || this.#stopped || this.#queue.active === 0) return;
    this.#due = true;
    setImmediate(() => {
      this.#due = false;
      for (let placed = 0; placed < MAX_AT_ONCE && this.#binding < MAX_BINDING; placed++) {
        const next = this.#stopped ? undefined : this.#queue.next();
        if (!next) return;
        this.#place(next.uid, next.pod);
      }
      // Where bindings hold it up, the first one that ends goes on.
      if (this.#binding < MAX_BINDING) this.#run();
    });
  }

  #place(uid: string, pod: Pod): void {
    const { random, clock } = this.#options;
    const input = { pod: this.#cache.podInfo(pod), nodes: this.#cache.infos() };
    const decision = schedule({ ...input, filters: FILTERS, scores: SCORES, random });
    if (decision.type === 'unschedulable') {
      this.#queue.park(uid, pod, clock.now());
      void this.#tell(pod, 'Unschedulable', decision.message);
      return;
    }
    this.#cache.assumePod(pod, decision.nodeName);
    this.#binding++;
    this.#bind(pod, decision.nodeName)
      .catch((err: unknown) => this.#onBindFailed(uid, pod, err))
      .finally(() => {
        this.#binding--;
        this.#run();
      });
  }

  async #bind(pod: Pod, nodeName: string): Promise<void> {
    const { client, events } = this.#options;
    const { name, namespace, uid } = pod.metadata;
    const binding: Binding = {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name, namespace, uid },
      target: { apiVersion: 'v1', kind: 'Node', name: nodeName },
    };
    await client.post(pods, parseKey(keyOf(pod)), 'binding', binding);
    events.event(pod, {
      type: 'Normal',
      reason: 'Scheduled',
      message: `Successfully assigned ${keyOf(pod)} to ${nodeName}`,
    });
  }

  #onBindFailed(uid: string, pod: Pod, err: unknown): void {
    const { informers, clock, log } = this.#options;
    // It got there after all, or it is gone: the informer has told the rest.
    if (!this.#cache.forgetPod(uid)) return;
    const now = informers.for(pods).get(keyOf(pod));
    if (now && uidOf(now) === uid && !now.spec.nodeName && this.#isOurs(now)) {
      this.#queue.retry(uid, now, clock.now());
      // Deleted, or bound by somebody else, a moment before the informer shows it.
      if (!isNotFound(err) && !isConflict(err)) {
        log.warn('binding failed', { pod: keyOf(pod), err });
        void this.#tell(now, 'SchedulerError', err instanceof Error ? err.message : String(err));
      }
    }
    this.#wake();
  }

  /** Why the Pod has no node: an event each time, the condition where it says something new. */
  async #tell(pod: Pod, reason: 'Unschedulable' | 'SchedulerError', message: string): Promise<void> {
    const { client, events, clock, log } = this.#options;
    events.event(pod, { type: 'Warning', reason: 'FailedScheduling', message });
    const known = pod.status?.conditions?.find((c) => c.type === 'PodScheduled');
    const still = known?.status === 'False';
    if (still && known.reason === reason && known.message === message) return;
    const now = timestamp(clock.now());
    const condition: PodCondition = {
      type: 'PodScheduled',
      observedGeneration: pod.metadata.generation,
      status: 'False',
      reason,
      message,
      lastTransitionTime: still ? (known.lastTransitionTime ?? now) : now,
    };
    // With the uid: a later Pod of the same name is another one.
    const patch = { metadata: { uid: pod.metadata.uid }, status: { conditions: [condition] } };
    try {
      await client.patch(pods, parseKey(keyOf(pod)), 'strategic', patch, { subresource: 'status' });
    } catch (err) {
      if (isNotFound(err) || isConflict(err)) return;
      log.warn('the reason could not be written to the Pod', { pod: keyOf(pod), err });
    }
  }
}

function roomChanged(old: Node, node: Node): boolean {
  const room = (n: Node): string =>
    JSON.stringify([n.spec.unschedulable, n.spec.taints, n.metadata.labels, n.status?.allocatable]);
  return room(old) !== room(node);
}
