/**
 * The shell of the scheduler: takes Pods from the queue, lets the plan decide, binds. A decision counts at once
 * ("assumed"), so that the next Pod sees it before the API does. Another scheduler's Pods are left alone.
 */
import { nodes } from '#proto/api/core/nodes.ts';
import { pods } from '#proto/api/core/pods.ts';
import type { Clock } from '#proto/meta/clock.ts';
import type { Logger } from '#proto/meta/log.ts';
import { keyOf, parseKey } from '#proto/meta/object.ts';
import { isConflict, isNotFound } from '#proto/meta/status-error.ts';
import type { Binding, Node, Pod } from '#proto/schema/generated/core-v1.ts';
import type { ApiClient } from '#server/client/client.ts';
import type { EventRecorder } from '#server/client/events.ts';
import type { InformerFactory } from '#server/client/informer-factory.ts';
import { FILTERS } from './filter/index.ts';
import { NodeCache } from './node-cache.ts';
import { isFinished } from './node-info.plan.ts';
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

export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #cache = new NodeCache();
  readonly #queue = new SchedulingQueue();
  #binding = 0;
  #running = false;
  #wakeTimer: { readonly at: number; readonly cancel: AbortController } | undefined;

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
      podInformer.onChange((type, pod) => this.#onPod(type, pod)),
    ];
    signal.addEventListener('abort', () => {
      for (const stop of stops) stop();
      this.#wakeTimer?.cancel.abort();
    });
  }

  #onNode(type: string, node: Node, old: Node | undefined): void {
    if (type === 'DELETED') {
      this.#cache.removeNode(keyOf(node));
      return;
    }
    this.#cache.setNode(node);
    // A heartbeat alone makes no room.
    if (!old || roomChanged(old, node)) this.#wake();
  }

  #onPod(type: string, pod: Pod): void {
    const uid = pod.metadata.uid ?? '';
    const gone = type === 'DELETED' || isFinished(pod);
    if (gone || pod.spec.nodeName) this.#queue.remove(uid);
    if (gone) {
      this.#cache.removePod(pod);
      this.#wake();
    } else if (pod.spec.nodeName) {
      this.#cache.setPod(pod);
    } else if (this.#isOurs(pod)) {
      this.#queue.add(uid, pod);
      this.#run();
    }
  }

  #isOurs(pod: Pod): boolean {
    return (
      (pod.spec.schedulerName ?? 'default-scheduler') === this.#options.schedulerName &&
      !pod.metadata.deletionTimestamp &&
      (pod.spec.schedulingGates ?? []).length === 0
    );
  }

  /** Something may fit now that did not. */
  #wake(): void {
    const at = this.#queue.wake(this.#options.clock.now());
    if (at !== undefined) this.#wakeAt(at);
    this.#run();
  }

  #wakeAt(at: number): void {
    if (this.#wakeTimer && this.#wakeTimer.at <= at) return;
    this.#wakeTimer?.cancel.abort();
    const cancel = new AbortController();
    this.#wakeTimer = { at, cancel };
    const { clock } = this.#options;
    clock.sleep(Math.max(0, at - clock.now()), cancel.signal).then(
      () => {
        this.#wakeTimer = undefined;
        this.#wake();
      },
      () => {},
    );
  }

  /** Places what is active, on the next turn: a burst of Pods is seen whole, so that priorities hold. */
  #run(): void {
    if (this.#running) return;
    this.#running = true;
    setImmediate(() => {
      this.#running = false;
      while (this.#binding < MAX_BINDING) {
        const next = this.#queue.next();
        if (!next) return;
        this.#place(next.uid, next.pod);
      }
    });
  }

  #place(uid: string, pod: Pod): void {
    const { random, clock, log } = this.#options;
    const decision = schedule({ pod, nodes: this.#cache.infos(), filters: FILTERS, scores: SCORES, random });
    if (decision.type === 'unschedulable') {
      this.#queue.park(uid, pod, clock.now());
      void this.#tellUnschedulable(pod, decision.message);
      return;
    }
    this.#cache.setPod(pod, decision.nodeName);
    this.#binding++;
    this.#bind(pod, decision.nodeName)
      .catch((err: unknown) => {
        this.#cache.removePod(pod);
        // Deleted or bound by somebody else: the informer tells the rest.
        if (isNotFound(err) || isConflict(err)) return;
        log.warn('binding failed', { pod: keyOf(pod), node: decision.nodeName, err });
        this.#queue.park(uid, pod, clock.now());
        this.#wake();
      })
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

  async #tellUnschedulable(pod: Pod, message: string): Promise<void> {
    const { client, events, clock, log } = this.#options;
    events.event(pod, { type: 'Warning', reason: 'FailedScheduling', message });
    const known = pod.status?.conditions?.find((c) => c.type === 'PodScheduled');
    if (known?.status === 'False' && known.message === message) return;
    const condition = {
      type: 'PodScheduled',
      status: 'False',
      reason: 'Unschedulable',
      message,
      lastProbeTime: null,
      lastTransitionTime: new Date(clock.now()).toISOString().replace(/\.\d+/, ''),
    };
    await client
      .patch(
        pods,
        parseKey(keyOf(pod)),
        'strategic',
        { status: { conditions: [condition] } },
        { subresource: 'status' },
      )
      .catch((err: unknown) => {
        if (!isNotFound(err))
          log.warn('the reason could not be written to the Pod', { pod: keyOf(pod), err });
      });
  }
}

function roomChanged(old: Node, node: Node): boolean {
  const room = (n: Node): string =>
    JSON.stringify([n.spec.unschedulable, n.spec.taints, n.metadata.labels, n.status?.allocatable]);
  return room(old) !== room(node);
}
