/**
 * This board as a Node: registers it, renews its lease every 10 s, writes its status when it changes and every 5 min.
 * While the server is away nothing is queued: the next write tells how things are then. Each connection begins with one:
 * the server may have given the board up meanwhile, or have crashed and lost what it was told last.
 */

import type { PressureCondition } from '#agent/eviction/thresholds.plan.ts';
import type { Cluster, DesiredState } from '#agent/link/cluster.ts';
import type { Runtime } from '#agent/runtime/runtime.ts';
import type { Clock } from '#proto/meta/clock.ts';
import type { Logger } from '#proto/meta/log.ts';
import { SharedRun } from '#proto/meta/shared-run.ts';
import { isAlreadyExists, isNotFound } from '#proto/meta/status-error.ts';
import type { Lease } from '#proto/schema/generated/coordination-v1.ts';
import type { Node, NodeStatus } from '#proto/schema/generated/core-v1.ts';
import type { NodeMetrics } from './metrics.ts';
import {
  type Inventory,
  type NodeFacts,
  nodeLabels,
  nodeObject,
  nodeStatus,
  sameNodeStatus,
} from './node-status.plan.ts';
import type { PartVerdicts } from './part-verdicts.ts';
import type { Reservations } from './reserved.plan.ts';
import type { Sampler } from './sampler.ts';

const PERIOD_MS = 10_000;
const STARTING_MS = 1_000;
const REPORT_MS = 300_000;
const IMAGES_MS = 60_000;
const LEASE_SECONDS = 40;

export interface NodeOptions {
  readonly runtime: Runtime;
  readonly desired: DesiredState;
  readonly cluster: Cluster;
  readonly clock: Clock;
  readonly log: Logger;
  readonly nodeName: string;
  readonly inventory: Inventory;
  readonly sampler: Sampler;
  readonly metrics: NodeMetrics;
  readonly reservations: Reservations;
  /** The board is being switched off. */
  isShuttingDown?(): boolean;
  readonly devices: { readonly amounts: Readonly<Record<string, string>>; refresh(): Promise<void> };
  /** What the board is short of, by the last sample. */
  pressure(): readonly PressureCondition[];
  readonly parts?: PartVerdicts;
  hostIps(): readonly string[];
  /** Looks whether the board's address has changed, before each report. */
  readonly checkAddress?: () => Promise<void>;
}

export interface NodeLoop {
  /** Resolves after the signal. */
  readonly done: Promise<void>;
  /** Tells how things are now. */
  report(): Promise<void>;
}

/** Runs until the signal. */
export function startNode(options: NodeOptions, signal: AbortSignal): NodeLoop {
  const reporter = new NodeReporter(options);
  const offs = [
    options.cluster.onConnection((connected) => {
      if (connected) void reporter.reconnected();
    }),
    // Whoever waits for a part is not to wait for the next round.
    options.parts?.onChange(() => void reporter.tick()),
  ];
  const off = (): void => {
    for (const stop of offs) stop?.();
  };
  signal.addEventListener('abort', off, { once: true });
  const loop = async (): Promise<void> => {
    while (!signal.aborted) {
      await reporter.tick();
      // Until it is Ready nothing is scheduled here: the wait for its network is not drawn out.
      const starting = options.cluster.connected && !reporter.isReady;
      await options.clock.sleep(starting ? STARTING_MS : PERIOD_MS, signal).catch(() => undefined);
    }
  };
  return { done: loop(), report: () => reporter.tick() };
}

class NodeReporter {
  readonly #options: NodeOptions;
  readonly #rounds = new SharedRun(() => this.#once());
  #registered = false;
  #sent: NodeStatus | undefined;
  #sentAtMs = 0;
  #leased = false;
  #renewedAtMs = Number.NEGATIVE_INFINITY;
  #version: { name: string; version: string } | undefined;
  #images: NodeFacts['images'] = [];
  #imagesAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: NodeOptions) {
    this.#options = options;
  }

  get isReady(): boolean {
    return (this.#sent?.conditions ?? []).some((c) => c.type === 'Ready' && c.status === 'True');
  }

  reconnected(): Promise<void> {
    this.#sentAtMs = Number.NEGATIVE_INFINITY;
    return this.tick();
  }

  /** Resolves when how things are from now on has been told: with a round of its own if one is under way. */
  tick(): Promise<void> {
    return this.#rounds.ask();
  }

  async #once(): Promise<void> {
    const { cluster, log, metrics, sampler } = this.#options;
    try {
      metrics.set(await sampler.sample());
    } catch (err) {
      log.debug('board not sampled', { err });
    }
    await this.#options.devices
      .refresh()
      .catch((err: unknown) => log.debug('devices not looked at', { err }));
    await this.#options.checkAddress?.();
    if (!cluster.connected) return;
    try {
      const facts = await this.#facts();
      if (!this.#registered) await this.#register(facts);
      await this.#report(facts);
    } catch (err) {
      log.debug('node not reported', { err });
    }
    // On its own: a status that is refused must not make the board look dead.
    try {
      await this.#renew();
      this.#renewedAtMs = this.#options.clock.now();
    } catch (err) {
      log.debug('lease not renewed', { err });
    }
  }

  async #facts(): Promise<NodeFacts> {
    const { runtime, clock, inventory, metrics, nodeName, hostIps, pressure, reservations, parts } =
      this.#options;
    const now = clock.now();
    const health = await runtime.status().catch((err: unknown) => ({
      runtimeReady: false,
      networkReady: false,
      message: err instanceof Error ? err.message : String(err),
    }));
    if (health.runtimeReady) {
      this.#version ??= await runtime.version().catch(() => undefined);
      if (now - this.#imagesAtMs >= IMAGES_MS) {
        const images = await runtime.listImages().catch(() => []);
        this.#images = images.map(({ tags, digests, sizeBytes }) => ({
          names: [...digests, ...tags],
          sizeBytes,
        }));
        this.#imagesAtMs = now;
      }
    }
    return {
      name: nodeName,
      inventory,
      addresses: hostIps(),
      runtime: this.#version,
      health,
      sample: metrics.last,
      pressure: pressure(),
      reservations,
      isShuttingDown: this.#options.isShuttingDown?.() ?? false,
      devices: this.#options.devices.amounts,
      images: this.#images,
      ...(parts ? { parts: parts.list() } : {}),
      now,
    };
  }

  async #register(facts: NodeFacts): Promise<void> {
    const { cluster, nodeName, inventory, log } = this.#options;
    try {
      const created = await cluster.api<Node>('POST', '/api/v1/nodes', nodeObject(facts));
      this.#sent = created.status;
      log.info('node registered', { node: nodeName });
    } catch (err) {
      if (!isAlreadyExists(err)) throw err;
      const path = `/api/v1/nodes/${nodeName}`;
      const known = await cluster.api<Node>('GET', path);
      this.#sent = known.status;
      const labels = nodeLabels(nodeName, inventory.architecture);
      const wrong = Object.entries(labels).some(([key, value]) => known.metadata.labels?.[key] !== value);
      if (wrong) await cluster.api('PATCH', path, { metadata: { labels } }, 'application/merge-patch+json');
    }
    // Whatever is known of the status is older than this process: it is written once in any case.
    this.#sentAtMs = Number.NEGATIVE_INFINITY;
    this.#registered = true;
  }

  async #report(facts: NodeFacts): Promise<void> {
    const status = nodeStatus(facts, this.#sent);
    // A board that could not renew its lease for so long may have been written off: what it says of itself is due.
    const late = facts.now - this.#renewedAtMs > 2 * PERIOD_MS;
    const due = late || facts.now - this.#sentAtMs >= REPORT_MS;
    if (!due && this.#sent && sameNodeStatus(status, this.#sent)) return;
    const { cluster, nodeName } = this.#options;
    const body = { status: { ...status, addresses: [{ $patch: 'replace' }, ...(status.addresses ?? [])] } };
    try {
      const path = `/api/v1/nodes/${nodeName}/status`;
      await cluster.api('PATCH', path, body, 'application/strategic-merge-patch+json');
      this.#sent = status;
      this.#sentAtMs = facts.now;
    } catch (err) {
      // Deleted by hand: a board that is there comes back.
      if (isNotFound(err)) this.#registered = false;
      throw err;
    }
  }

  async #renew(): Promise<void> {
    const { cluster, clock, nodeName } = this.#options;
    const leases = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases';
    const renewTime = `${new Date(clock.now()).toISOString().slice(0, -1)}000Z`;
    const spec = { holderIdentity: nodeName, leaseDurationSeconds: LEASE_SECONDS, renewTime };
    if (this.#leased) {
      try {
        await cluster.api('PATCH', `${leases}/${nodeName}`, { spec }, 'application/merge-patch+json');
        return;
      } catch (err) {
        if (!isNotFound(err)) throw err;
      }
    }
    const uid = this.#options.desired.node()?.metadata.uid;
    const owner = { apiVersion: 'v1', kind: 'Node', name: nodeName, uid: uid ?? '' };
    const lease: Lease = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: {
        name: nodeName,
        namespace: 'kube-node-lease',
        ...(uid ? { ownerReferences: [owner] } : {}),
      },
      spec,
    };
    try {
      await cluster.api('POST', leases, lease);
    } catch (err) {
      if (!isAlreadyExists(err)) throw err;
      await cluster.api('PATCH', `${leases}/${nodeName}`, { spec }, 'application/merge-patch+json');
    }
    this.#leased = true;
  }
}
