/**
 * Carries out decisions: a Pod is assumed on its node and bound; or others are sent away for it and it is nominated; or it is
 * parked and told why.
 */
import { pods } from '#proto/api/core/pods.ts';
import { keyOf } from '#proto/meta/object.ts';
import { isConflict, isNotFound } from '#proto/meta/status-error.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import type { InformerFactory } from '#server/client/informer-factory.ts';
import { type Assignment, Binder } from './binder.ts';
import type { ClusterChange } from './changes.plan.ts';
import { Evictor } from './evictor.ts';
import { FILTERS } from './filter/index.ts';
import { planGroup, type Refusals } from './group.plan.ts';
import type { PodGroups } from './groups.ts';
import { type NodeCache, uidOf } from './node-cache.ts';
import type { PodInfo } from './pod-info.plan.ts';
import { clearNomination, type PodStatusDeps, tellNoNode } from './pod-status.ts';
import type { Candidate } from './preempt.plan.ts';
import type { QueuedPod, SchedulingQueue } from './queue.ts';
import { SCORES } from './score/index.ts';
import { CacheTrial } from './trial.ts';
import { VolumeBinder } from './volume-binder.ts';

export interface PlacerDeps extends PodStatusDeps {
  readonly informers: InformerFactory;
  readonly random: () => number;
  readonly schedulerName: string;
  readonly cache: NodeCache;
  readonly queue: SchedulingQueue;
  readonly groups: PodGroups;
  /** Ends everything that waits. */
  readonly signal: AbortSignal;
  readonly isOurs: (pod: Pod) => boolean;
  /** Something may fit now that did not. */
  readonly wake: (change: ClusterChange) => void;
  /** Pods may have become active. */
  readonly release: () => void;
  /** A binding has ended: others may begin. */
  readonly onBound: () => void;
}

export class Placer {
  readonly #deps: PlacerDeps;
  readonly #trial: CacheTrial;
  readonly #evictor: Evictor;
  readonly #volumes: VolumeBinder;
  readonly #binder: Binder;

  constructor(deps: PlacerDeps) {
    const { cache, random, schedulerName, onBound } = deps;
    this.#deps = deps;
    this.#evictor = new Evictor(deps, schedulerName);
    this.#volumes = new VolumeBinder({ ...deps, cluster: cache });
    this.#trial = new CacheTrial({
      ...{ cache, filters: FILTERS, scores: SCORES, random },
      leaving: () => this.#evictor.leaving,
    });
    this.#binder = new Binder({
      ...deps,
      volumes: this.#volumes,
      cluster: cache,
      onFailed: (assignment, err) => this.#onBindFailed(assignment, err),
      onDone: onBound,
    });
  }

  /** Bindings on their way. */
  get busy(): number {
    return this.#binder.busy;
  }

  volumesChanged(): void {
    this.#volumes.changed();
  }

  /** A Pod is no more: nobody waits for it to leave. */
  gone(uid: string): void {
    this.#evictor.gone(uid);
  }

  place(pod: PodInfo): void {
    const decision = this.#trial.schedule(pod);
    if (decision.type === 'bind') {
      this.#trial.place(pod, decision.nodeName);
      this.#trial.keep();
      this.#bind([{ pod, nodeName: decision.nodeName }]);
      return;
    }
    const { message, by } = decision;
    // Without nodes there is nobody to send away.
    const preemption = by.has('') ? undefined : this.#trial.preempt(pod, decision);
    if (preemption?.type === 'preempt') {
      this.#nominate(pod, preemption.nodeName);
      this.#evict(pod, preemption);
      this.#park({ pod, message, by }, preemption.nodeName);
      return;
    }
    const nominated = this.#deps.cache.nominationOf(pod.uid);
    if (preemption?.clear && nominated !== undefined) this.releaseNomination(pod, nominated);
    const whole = preemption ? `${message} ${preemption.message}` : message;
    this.#park({ pod, message: whole, by }, preemption?.clear ? '' : undefined);
  }

  /** All that wait of the group, at once. */
  placeGroup(next: QueuedPod, key: string): void {
    const waiting = [next.pod];
    for (const other of this.#deps.groups.waiting(key)) {
      const taken = other.uid === next.uid ? undefined : this.#deps.queue.take(other.uid);
      if (taken) waiting.push(taken.pod);
    }
    const decision = planGroup({ waiting, placed: this.#deps.groups.placed(key), trial: this.#trial });
    for (const refused of decision.refused) this.#park(refused, undefined);
    if (decision.type === 'bind') {
      this.#trial.keep();
      this.#bind(decision.assignments);
    } else if (decision.type === 'preempt') {
      for (const { pod, nodeName } of decision.nominations) {
        this.#nominate(pod, nodeName);
        const by = new Set(['NodeResourcesFit']);
        this.#park({ pod, message: 'pod group waits for room that is being made', by }, nodeName);
      }
      for (const { preemptor, candidate } of decision.evictions) this.#evict(preemptor, candidate);
      this.#limitNominations(decision.nominations);
    }
  }

  #bind(together: readonly Assignment[]): void {
    if (this.#deps.queue.parked > 0)
      for (const { pod, nodeName } of together) {
        const node = this.#deps.cache.node(nodeName);
        if (node) this.#deps.wake({ type: 'pod placed', pod, node });
      }
    this.#binder.bind(together);
  }

  #park({ pod, message, by }: Refusals, nominatedNode: string | undefined): void {
    const nominated = this.#deps.cache.nominationOf(pod.uid) !== undefined;
    const local =
      !pod.group && !by.has('') && !FILTERS.some(({ name, helpedBy }) => helpedBy && by.has(name));
    const kind = local ? `${pod.localKey}${nominated ? ' nominated' : ''}` : undefined;
    this.#deps.queue.park(pod.uid, { by, kind }, this.#deps.clock.now());
    void tellNoNode(this.#deps, pod.pod, { reason: 'Unschedulable', message, nominatedNode });
  }

  /** Those who waited for the same room and are less important look for another place. */
  #nominate(pod: PodInfo, nodeName: string): void {
    for (const other of this.#deps.cache.nominated(nodeName)) {
      if (other.priority >= pod.priority) continue;
      this.#deps.cache.nominate(other, undefined);
      this.#deps.queue.reconsider(other.uid);
      void clearNomination(this.#deps, other.pod);
    }
    this.#deps.cache.nominate(pod, nodeName);
  }

  #evict(preemptor: PodInfo, { victims, nodeName }: Candidate): void {
    void this.#evictor.evict(victims, preemptor, nodeName).then((done) => {
      if (done || this.#deps.signal.aborted) return;
      this.#deps.queue.reconsider(preemptor.uid);
      this.#deps.release();
    });
  }

  /** A group does not hold its claims for ever. */
  #limitNominations(nominations: readonly Assignment[]): void {
    const { clock, signal } = this.#deps;
    const timeoutMs = Math.min(...nominations.map(({ pod }) => pod.group?.timeoutMs ?? 0));
    const end = (): void => {
      for (const { pod, nodeName } of nominations) {
        if (this.#deps.cache.nominationOf(pod.uid) !== nodeName) continue;
        // Others first: it tries again after its back-off.
        this.#deps.queue.retry(pod.uid, clock.now());
        this.releaseNomination(pod, nodeName);
        void clearNomination(this.#deps, pod.pod);
      }
    };
    clock.sleep(timeoutMs, signal).then(end, () => {});
  }

  /** Nobody waits for that room any more: others may. */
  releaseNomination(pod: PodInfo, nodeName: string): void {
    this.#deps.cache.nominate(pod, undefined);
    const node = this.#deps.cache.node(nodeName);
    if (node) this.#deps.wake({ type: 'node', node, relabelled: false });
  }

  #onBindFailed({ pod: { pod, uid } }: Assignment, err: unknown): void {
    const { informers, clock, log, signal } = this.#deps;
    if (signal.aborted) return;
    // It got there after all, or it is gone: the informer has told the rest.
    if (!this.#deps.cache.isAssumed(uid)) return;
    const placed = this.#deps.cache.removePod(uid);
    const now = informers.for(pods).get(keyOf(pod));
    if (now && uidOf(now) === uid && !now.spec.nodeName && this.#deps.isOurs(now)) {
      this.#deps.queue.add(this.#deps.cache.podInfo(now));
      this.#deps.queue.retry(uid, clock.now());
      // Deleted, or bound by somebody else, a moment before the informer shows it.
      if (!isNotFound(err) && !isConflict(err)) {
        log.warn('binding failed', { pod: keyOf(pod), err });
        const message = err instanceof Error ? err.message : String(err);
        void tellNoNode(this.#deps, now, { reason: 'SchedulerError', message });
      }
    } else this.#deps.queue.remove(uid);
    const node = placed && this.#deps.cache.node(placed.nodeName);
    if (node) this.#deps.wake({ type: 'pod gone', pod: placed.info, node });
    else this.#deps.release();
  }
}
