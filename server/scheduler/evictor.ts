/** Sends Pods away for one that is more important: says so in their status, then deletes them, with their grace. */
import { pods } from '#proto/api/core/pods.ts';
import { keyOf, parseKey } from '#proto/meta/object.ts';
import { isConflict, isNotFound } from '#proto/meta/status-error.ts';
import { timestamp } from '#proto/meta/timestamp.ts';
import type { Pod, PodCondition } from '#proto/schema/generated/core-v1.ts';
import type { PodInfo } from './pod-info.plan.ts';
import type { PodStatusDeps } from './pod-status.ts';

export class Evictor {
  readonly #deps: PodStatusDeps;
  readonly #schedulerName: string;
  readonly #leaving = new Set<string>();

  constructor(deps: PodStatusDeps, schedulerName: string) {
    this.#deps = deps;
    this.#schedulerName = schedulerName;
  }

  /** Uids of Pods that are being sent away and are not gone yet. */
  get leaving(): ReadonlySet<string> {
    return this.#leaving;
  }

  gone(uid: string): void {
    this.#leaving.delete(uid);
  }

  /** Resolves when all deletions are under way. False: at least one is not. */
  async evict(victims: readonly PodInfo[], preemptor: PodInfo, nodeName: string): Promise<boolean> {
    const staying = victims.filter(({ pod }) => !pod.metadata.deletionTimestamp);
    for (const { uid } of staying) this.#leaving.add(uid);
    const done = await Promise.all(staying.map((victim) => this.#evictOne(victim, preemptor, nodeName)));
    return done.every(Boolean);
  }

  async #evictOne({ pod, uid }: PodInfo, preemptor: PodInfo, nodeName: string): Promise<boolean> {
    const { client, events, log } = this.#deps;
    const key = parseKey(keyOf(pod));
    try {
      const status = { conditions: [this.#condition(pod)] };
      const patch = { metadata: { uid: pod.metadata.uid }, status };
      await client.patch(pods, key, 'strategic', patch, { subresource: 'status' });
      await client.delete(pods, key, pod.metadata.uid ? { preconditions: { uid: pod.metadata.uid } } : {});
    } catch (err) {
      // Gone already, or another of its name is there.
      if (isNotFound(err) || isConflict(err)) return true;
      this.#leaving.delete(uid);
      log.warn('a Pod could not be preempted', { pod: keyOf(pod), err });
      return false;
    }
    const message = `Preempted by pod ${preemptor.uid} on node ${nodeName}`;
    events.event(pod, { type: 'Normal', reason: 'Preempted', message });
    return true;
  }

  #condition(pod: Pod): PodCondition {
    return {
      type: 'DisruptionTarget',
      observedGeneration: pod.metadata.generation,
      status: 'True',
      reason: 'PreemptionByScheduler',
      message: `${this.#schedulerName}: preempting to accommodate a higher priority pod`,
      lastTransitionTime: timestamp(this.#deps.clock.now()),
    };
  }
}
