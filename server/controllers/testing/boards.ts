import { leases } from '#proto/api/coordination/leases.ts';
import { nodes } from '#proto/api/core/nodes.ts';
import { pods } from '#proto/api/core/pods.ts';
import { podmetrics } from '#proto/api/metrics/podmetrics.ts';
import { isAlreadyExists, isNotFound } from '#proto/meta/status-error.ts';
import { timestamp } from '#proto/meta/timestamp.ts';
import type { Node, Pod } from '#proto/schema/generated/core-v1.ts';
import type { MemoryClient } from '#server/client/memory-client.ts';
import { controllerOf } from '#server/controllers/ownership.ts';
import { isPodActive, isPodReady } from '#server/controllers/pod-state.ts';
import { targetOf } from '#server/controllers/testing/node-agent.ts';

const keyFor = ({ metadata }: Pod) => ({ namespace: metadata.namespace, name: metadata.name ?? '' });
const repelled = ({ spec }: Node): boolean =>
  (spec.taints ?? []).some(({ effect }) => effect.startsWith('No'));

const tolerateExisting = (err: unknown): void => {
  if (!isAlreadyExists(err)) throw err;
};

/** What a scheduler and the agents of all boards do, one random thing at a time. Pods of Jobs run to their end, others use 100m. */
export class Boards {
  readonly #client: MemoryClient;
  readonly #now: () => number;
  #addresses = 0;

  constructor(client: MemoryClient, now: () => number) {
    this.#client = client;
    this.#now = now;
  }

  async join(name: string): Promise<void> {
    await this.#client.create(nodes, { metadata: { name }, spec: {} }).catch(tolerateExisting);
    const time = timestamp(this.#now());
    const conditions = [{ type: 'Ready', status: 'True', lastHeartbeatTime: time, lastTransitionTime: time }];
    await this.#client.patch(nodes, { name }, 'merge', { status: { conditions } }, { subresource: 'status' });
  }

  /** Every board that there is renews its lease. */
  async beat(): Promise<void> {
    const renewTime = new Date(this.#now()).toISOString();
    for (const { metadata } of (await this.#client.list(nodes)).items) {
      const key = { namespace: 'kube-node-lease', name: metadata.name ?? '' };
      const spec = { holderIdentity: metadata.name, renewTime };
      await this.#client.create(leases, { metadata: key, spec }).catch((err: unknown) => {
        if (!isAlreadyExists(err)) throw err;
        return this.#client.patch(leases, key, 'merge', { spec });
      });
    }
  }

  /** False: nothing is left to do. */
  async step(rng: () => number): Promise<boolean> {
    const boards = (await this.#client.list(nodes)).items;
    const names = new Set(boards.map(({ metadata }) => metadata.name));
    const open = boards.filter((node) => !repelled(node));
    const waiting = (await this.#client.list(pods)).items.filter((pod) => {
      if (pod.spec.nodeName && !names.has(pod.spec.nodeName)) return false;
      if (pod.metadata.deletionTimestamp) return pod.metadata.deletionGracePeriodSeconds !== 0;
      if (!isPodActive(pod) || isPodReady(pod)) return false;
      return pod.spec.nodeName || open.some(({ metadata }) => isMeantFor(pod, metadata.name));
    });
    const pod = waiting[Math.floor(rng() * waiting.length)];
    if (!pod) return false;
    try {
      await this.#act(pod, open, rng);
    } catch (err) {
      // Somebody deleted it meanwhile.
      if (!isNotFound(err)) throw err;
    }
    return true;
  }

  async #act(pod: Pod, open: readonly Node[], rng: () => number): Promise<void> {
    const key = keyFor(pod);
    if (pod.metadata.deletionTimestamp) await this.#client.delete(pods, key, { gracePeriodSeconds: 0 });
    else if (!pod.spec.nodeName) {
      const fitting = open.filter(({ metadata }) => isMeantFor(pod, metadata.name));
      const node = fitting[Math.floor(rng() * fitting.length)];
      await this.#client.post(pods, key, 'binding', { target: { name: node?.metadata.name } });
    } else await this.#report(pod);
  }

  async #report(pod: Pod): Promise<void> {
    const time = timestamp(this.#now());
    this.#addresses += 1;
    const ip = `10.42.${this.#addresses >> 8}.${this.#addresses & 255}`;
    const ends = controllerOf(pod)?.kind === 'Job';
    const ready = { type: 'Ready', status: ends ? 'False' : 'True', lastTransitionTime: time };
    const status = {
      phase: ends ? 'Succeeded' : 'Running',
      startTime: time,
      podIP: ip,
      podIPs: [{ ip }],
      conditions: [ready],
    };
    await this.#client.patch(pods, keyFor(pod), 'merge', { status }, { subresource: 'status' });
    const { namespace, name, labels } = pod.metadata;
    await this.#client
      .create(podmetrics, {
        metadata: { namespace, name, labels },
        timestamp: time,
        window: '0s',
        containers: [{ name: 'main', usage: { cpu: '100m' } }],
      })
      .catch(tolerateExisting);
  }
}

/** Daemons name their node. */
const isMeantFor = (pod: Pod, node: string | undefined): boolean => {
  const target = targetOf(pod);
  return target === undefined || target === node;
};
