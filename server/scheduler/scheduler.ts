/**
 * The shell of the scheduler: takes Pods from the queue, lets the plans decide, binds and evicts.
 * - A decision counts at once ("assumed"), so that the next Pod sees it before the API does, and until the informer
 *   shows what became of it. A Pod that is assumed is never placed a second time.
 * - A Pod that did not fit is tried again after a change that may help it. One for which others were sent away keeps its claim
 *   on that node ("nominated") against Pods that are no more important.
 * - Another scheduler's Pods are left alone; what they hold on their nodes counts.
 */
import { nodes } from '#proto/api/core/nodes.ts';
import { pods } from '#proto/api/core/pods.ts';
import type { Clock } from '#proto/meta/clock.ts';
import type { Logger } from '#proto/meta/log.ts';
import { keyOf } from '#proto/meta/object.ts';
import type { Node, Pod } from '#proto/schema/generated/core-v1.ts';
import type { ApiClient } from '#server/client/client.ts';
import type { EventRecorder } from '#server/client/events.ts';
import type { ChangeType } from '#server/client/informer.ts';
import type { InformerFactory } from '#server/client/informer-factory.ts';
import type { ClusterChange } from './changes.plan.ts';
import { FILTERS } from './filter/index.ts';
import { PodGroups } from './groups.ts';
import { fitsOn, hint } from './hints.plan.ts';
import { NodeCache, uidOf } from './node-cache.ts';
import { Placer } from './placer.ts';
import { isFinished, isTerminating } from './pod-info.plan.ts';
import { type QueuedPod, SchedulingQueue } from './queue.ts';
import { holdsLess } from './resources.plan.ts';
import { createViews, type Views } from './views.ts';

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
  readonly #views: Views;
  readonly #cache: NodeCache;
  readonly #queue = new SchedulingQueue();
  readonly #groups = new PodGroups();
  readonly #placer: Placer;
  readonly #stop = new AbortController();
  #due = false;
  #releaseTimer: { readonly at: number; readonly cancel: AbortController } | undefined;

  constructor(options: SchedulerOptions) {
    this.#options = options;
    this.#views = createViews(options.informers);
    this.#cache = new NodeCache(this.#views);
    this.#placer = new Placer({
      ...options,
      cache: this.#cache,
      queue: this.#queue,
      groups: this.#groups,
      signal: this.#stop.signal,
      isOurs: (pod) => this.#isOurs(pod),
      wake: (change) => this.#wake(change),
      release: () => this.#release(),
      onBound: () => this.#run(),
    });
  }

  /** Resolves once the caches are filled and the first Pods are being placed. */
  async start(signal: AbortSignal): Promise<void> {
    const { informers } = this.#options;
    const podInformer = informers.for(pods);
    const nodeInformer = informers.for(nodes);
    await Promise.all([
      podInformer.whenSynced(signal),
      nodeInformer.whenSynced(signal),
      this.#views.whenSynced(signal),
    ]);
    const stops = [
      nodeInformer.onChange((type, node, old) => this.#onNode(type, node, old)),
      podInformer.onChange((type, pod, old) => this.#onPod(type, pod, old)),
      this.#views.onChange((type) => this.#onView(type)),
    ];
    const stop = (): void => {
      this.#stop.abort();
      for (const end of stops) end();
      this.#releaseTimer?.cancel.abort();
    };
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  }

  #onView(type: 'volume' | 'namespace'): void {
    if (type === 'volume') this.#placer.volumesChanged();
    else this.#cache.namespacesChanged();
    this.#wake({ type });
  }

  #onNode(type: ChangeType, node: Node, old: Node | undefined): void {
    if (type === 'DELETED') {
      this.#cache.removeNode(keyOf(node));
      for (const pod of this.#cache.nominated(keyOf(node))) {
        this.#cache.nominate(pod, undefined);
        this.#queue.reconsider(pod.uid);
      }
      this.#release();
      return;
    }
    const relabelled =
      !old || !equal([old.metadata.labels, old.spec.taints], [node.metadata.labels, node.spec.taints]);
    const info = this.#cache.setNode(node);
    // A heartbeat alone makes no room.
    if (
      relabelled ||
      old.spec.unschedulable !== node.spec.unschedulable ||
      !equal(old.status?.allocatable, node.status?.allocatable)
    )
      this.#wake({ type: 'node', node: info, relabelled });
  }

  #onPod(type: ChangeType, pod: Pod, old: Pod | undefined): void {
    // A watch that started over may not have seen the end of an earlier one of this name.
    if (old && uidOf(old) !== uidOf(pod)) this.#onGone(old);
    if (type === 'DELETED' || isFinished(pod)) this.#onGone(pod);
    else if (pod.spec.nodeName) this.#onBound(pod, old);
    else this.#onPending(pod, old);
  }

  #onGone(pod: Pod): void {
    const uid = uidOf(pod);
    this.#queue.remove(uid);
    this.#groups.remove(uid);
    this.#placer.gone(uid);
    const nominated = this.#cache.nominationOf(uid);
    if (nominated !== undefined) this.#placer.releaseNomination(this.#cache.podInfo(pod), nominated);
    const placed = this.#cache.removePod(uid);
    const node = placed && this.#cache.node(placed.nodeName);
    if (node) this.#wake({ type: 'pod gone', pod: placed.info, node });
  }

  #onBound(pod: Pod, old: Pod | undefined): void {
    const info = this.#cache.podInfo(pod);
    this.#queue.remove(info.uid);
    this.#cache.nominate(info, undefined);
    this.#groups.set(info, true);
    const known = this.#cache.placeOf(info.uid) !== undefined;
    this.#cache.setPod(pod);
    if (this.#queue.parked === 0) return;
    const node = this.#cache.node(pod.spec.nodeName ?? '');
    if (!node) return;
    const before = old && this.#cache.podInfo(old);
    if (!known || (before && !equal(before.labels, info.labels)))
      this.#wake({ type: 'pod placed', pod: info, node });
    if (!before?.pod.spec.nodeName) return;
    if (holdsLess(before.requests, info.requests) || (isTerminating(info) && !isTerminating(before)))
      this.#wake({ type: 'pod gone', pod: before, node });
  }

  #onPending(pod: Pod, old: Pod | undefined): void {
    const info = this.#cache.podInfo(pod);
    const { uid } = info;
    if (this.#cache.isAssumed(uid)) return;
    const nominated = pod.status?.nominatedNodeName;
    if (nominated !== old?.status?.nominatedNodeName) this.#cache.nominate(info, nominated || undefined);
    if (!this.#isOurs(pod)) {
      this.#queue.remove(uid);
      this.#groups.remove(uid);
      return;
    }
    const isNew = this.#queue.get(uid) === undefined;
    this.#groups.set(info, false);
    this.#queue.add(info);
    // One more may make the group whole.
    if (info.group && isNew)
      for (const other of this.#groups.waiting(info.group.key)) this.#queue.reconsider(other.uid);
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
  #wake(change: ClusterChange): void {
    if (this.#queue.parked > 0) {
      const cluster = this.#cache;
      const node = 'node' in change ? change.node : undefined;
      this.#queue.wake({
        hint: ({ pod, by, uid }) => {
          const nominatedNode = cluster.nominationOf(uid);
          const it = hint({ pod, by, nominatedNode, change, cluster, filters: FILTERS });
          // Room for one Pod is not room for its group.
          return pod.group && it.type === 'fits' ? { type: 'maybe' } : it;
        },
        uids: node?.nominated.map(({ uid }) => uid) ?? [],
        kinds: change.type === 'node' || change.type === 'pod gone',
      });
    }
    this.#release();
  }

  #release(): void {
    const at = this.#queue.release(this.#options.clock.now());
    if (at !== undefined) this.#releaseAt(at);
    this.#run();
  }

  #releaseAt(at: number): void {
    if (this.#stop.signal.aborted || (this.#releaseTimer && this.#releaseTimer.at <= at)) return;
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
    if (this.#due || this.#stop.signal.aborted || this.#queue.active === 0) return;
    this.#due = true;
    setImmediate(() => {
      this.#due = false;
      for (let placed = 0; placed < MAX_AT_ONCE && this.#placer.busy < MAX_BINDING; placed++) {
        const next = this.#stop.signal.aborted ? undefined : this.#next();
        if (!next) break;
        if (next.pod.group) this.#placer.placeGroup(next, next.pod.group.key);
        else this.#placer.place(next.pod);
      }
      // Where bindings hold it up, the first one that ends goes on.
      if (this.#placer.busy < MAX_BINDING) this.#release();
    });
  }

  #next(): QueuedPod | undefined {
    const cluster = this.#cache;
    return this.#queue.next((pod, nodeName) => {
      const node = cluster.node(nodeName);
      return node !== undefined && fitsOn({ pod, cluster, filters: FILTERS }, node);
    });
  }
}

const equal = (a: unknown, b: unknown): boolean => a === b || JSON.stringify(a) === JSON.stringify(b);
