/**
 * Volumes that wait for their Pod's node. Once the node is chosen a free volume is kept for the claim, or whoever provisions
 * is told the node; the Pod holds its room there until all its claims are bound. Rule: upstream's VolumeBinding, PreBind.
 */
import { persistentvolumeclaims } from '#proto/api/core/persistentvolumeclaims.ts';
import { persistentvolumes } from '#proto/api/core/persistentvolumes.ts';
import type { Clock } from '#proto/meta/clock.ts';
import { keyOf, parseKey } from '#proto/meta/object.ts';
import type { PersistentVolume, PersistentVolumeClaim } from '#proto/schema/generated/core-v1.ts';
import type { ApiClient } from '#server/client/client.ts';
import { boundVolume } from '#server/controllers/persistentvolume/binding.plan.ts';
import { findVolume } from '#server/controllers/persistentvolume/match.plan.ts';
import { SELECTED_NODE } from '#server/controllers/persistentvolume/storage-facts.ts';
import type { Cluster } from './cluster.plan.ts';
import type { NodeInfo } from './node-info.plan.ts';
import type { PodInfo } from './pod-info.plan.ts';
import { claimNotFound, isBound, podVolumesOf, reachable } from './pod-volumes.plan.ts';

export interface VolumeBinderDeps {
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly cluster: Cluster;
  /** Ends everything that waits. */
  readonly signal: AbortSignal;
}

export class VolumeBinder {
  readonly #deps: VolumeBinderDeps;
  readonly #waiting = new Set<() => void>();

  constructor(deps: VolumeBinderDeps) {
    this.#deps = deps;
  }

  /** Claims or volumes have changed. */
  changed(): void {
    for (const look of this.#waiting) look();
  }

  /** Needs the Pod something of {@link bind}? */
  isNeeded(pod: PodInfo): boolean {
    if (pod.claims.length === 0) return false;
    const claims = podVolumesOf(pod, this.#deps.cluster.volumes);
    return typeof claims === 'string' || claims.delayed.length > 0;
  }

  /** Resolves when all claims of the Pod are bound; throws where that can not be, or takes longer than `timeoutMs`. */
  async bind(pod: PodInfo, node: NodeInfo, timeoutMs: number): Promise<void> {
    const { volumes } = this.#deps.cluster;
    const claims = podVolumesOf(pod, volumes);
    if (typeof claims === 'string') throw new Error(claims);
    const taken = new Set<string>();
    for (const claim of claims.delayed) {
      if (claim.metadata.annotations?.[SELECTED_NODE] === node.name) continue;
      const free = findVolume(claim, volumes.volumes(), {
        reachable: (volume) => reachable(volume, node),
        taken,
      });
      if (!free) await this.#selectNode(claim, node.name);
      else {
        taken.add(free.metadata.name ?? '');
        await this.#keepFor(free, claim);
      }
    }
    await this.#whenBound(pod, node.name, timeoutMs);
  }

  async #selectNode(claim: PersistentVolumeClaim, nodeName: string): Promise<void> {
    const { resourceVersion } = claim.metadata;
    const metadata = { resourceVersion, annotations: { [SELECTED_NODE]: nodeName } };
    await this.#deps.client.patch(persistentvolumeclaims, parseKey(keyOf(claim)), 'merge', { metadata });
  }

  async #keepFor(volume: PersistentVolume, claim: PersistentVolumeClaim): Promise<void> {
    const bound = boundVolume(volume, claim);
    if (bound) await this.#deps.client.update(persistentvolumes, bound);
  }

  #whenBound(pod: PodInfo, nodeName: string, timeoutMs: number): Promise<void> {
    const { clock, cluster, signal } = this.#deps;
    const selected = new Set<string>();
    const timer = new AbortController();
    return new Promise<void>((resolve, reject) => {
      const end = (err?: Error): void => {
        this.#waiting.delete(look);
        timer.abort();
        if (err) reject(err);
        else resolve();
      };
      const look = (): void => {
        const claims = pod.claims.map((key) => cluster.volumes.claim(key));
        const lost = claims.findIndex((claim) => !claim || claim.status?.phase === 'Lost');
        if (lost >= 0) end(new Error(claimNotFound(pod, pod.claims[lost] ?? '')));
        else if (claims.every((claim) => claim && isBound(claim))) end();
        for (const claim of claims) {
          const key = claim && !isBound(claim) ? keyOf(claim) : undefined;
          if (key === undefined) continue;
          if (claim?.metadata.annotations?.[SELECTED_NODE] === nodeName) selected.add(key);
          // Whoever provisions can't do it there, and says so by taking the choice back.
          else if (selected.has(key))
            end(new Error(`selectedNode annotation reset for PVC ${JSON.stringify(claim?.metadata.name)}`));
        }
      };
      this.#waiting.add(look);
      clock.sleep(timeoutMs, AbortSignal.any([timer.signal, signal])).then(
        () => end(new Error('binding volumes: context deadline exceeded')),
        () => {},
      );
      look();
    });
  }
}
