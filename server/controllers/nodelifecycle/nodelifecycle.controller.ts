import { leases } from '#proto/api/coordination/leases.ts';
import { nodes } from '#proto/api/core/nodes.ts';
import { withPodCondition } from '#proto/api/core/pod-condition.ts';
import { pods } from '#proto/api/core/pods.ts';
import { isNotFound } from '#proto/meta/status-error.ts';
import type { Node, Pod } from '#proto/schema/generated/core-v1.ts';
import type { EventRecorder } from '#server/client/events.ts';
import type { Informer } from '#server/client/informer.ts';
import type { Outcome, WorkQueue } from '#server/client/work-queue.ts';
import type { Controller, ControllerContext } from '#server/controllers/context.ts';
import { createQueue } from '#server/controllers/context.ts';
import {
  evictionMode,
  planSilentConditions,
  planTaints,
  readyStatus,
} from '#server/controllers/nodelifecycle/node-health.plan.ts';
import { nodeNotReady, podNodeNotReady } from '#server/controllers/nodelifecycle/nodelifecycle.events.ts';
import { isPodReady } from '#server/controllers/pod-state.ts';

export const indexByNode = (pod: Pod): readonly string[] => (pod.spec.nodeName ? [pod.spec.nodeName] : []);

/** A node that is silent for so long is not known to be ready any more. */
const GRACE_MS = 40_000;
const LEASE_NAMESPACE = 'kube-node-lease';

/**
 * Watches over nodes: a silent one becomes Unknown, its pods not ready, and taints follow its conditions.
 * Silence is measured by this program's clock, from the moment at which it saw a sign of life: what a board
 * with a wrong clock wrote into its lease is compared with nothing, and a clock that is set is no silence. Nothing runs while all nodes renew.
 */
class NodeLifecycleController implements Controller {
  readonly #context: ControllerContext;
  readonly #nodes: Informer<Node>;
  readonly #pods: Informer<Pod>;
  readonly #events: EventRecorder;
  readonly #queue: WorkQueue;
  /** When a sign of life was seen last, in uptime. A restart gives everybody the whole grace again. */
  readonly #seen = new Map<string, number>();

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#events = context.recorderFor('node-controller');
    this.#queue = createQueue(context, 'node-lifecycle', (name) => this.#reconcile(name));
    this.#nodes = context.informers.for(nodes);
    this.#pods = context.informers.for(pods);
    this.#pods.addIndex('node', indexByNode);
    this.#nodes.onChange((type, node, old) => this.#observeNode(type, node, old));
    context.informers.for(leases).onChange((type, lease, old) => {
      if (lease.metadata.namespace !== LEASE_NAMESPACE || type === 'DELETED') return;
      if (lease.spec.renewTime !== old?.spec.renewTime) this.#alive(lease.metadata.name ?? '');
    });
  }

  start(signal: AbortSignal): void {
    const now = this.#context.clock.uptimeMs();
    for (const name of this.#seen.keys()) this.#seen.set(name, now);
    this.#queue.start(signal);
  }

  #alive(name: string): void {
    if (!this.#seen.has(name)) return;
    this.#seen.set(name, this.#context.clock.uptimeMs());
  }

  #observeNode(type: string, node: Node, old: Node | undefined): void {
    const name = node.metadata.name ?? '';
    if (type === 'DELETED') this.#seen.delete(name);
    else if (!this.#seen.has(name)) this.#seen.set(name, this.#context.clock.uptimeMs());
    else if (heartbeatOf(node) !== heartbeatOf(old)) this.#alive(name);
    // Whether others may be emptied depends on how many are ready.
    if (type !== 'MODIFIED' || (old && readyStatus(old) !== readyStatus(node))) {
      for (const other of this.#seen.keys()) this.#queue.add(other);
    } else this.#queue.add(name);
  }

  async #reconcile(name: string): Promise<Outcome> {
    const { client, clock } = this.#context;
    let node = this.#nodes.get(name);
    const seen = this.#seen.get(name);
    if (!node || seen === undefined) return undefined;
    const now = clock.now();
    const left = seen + GRACE_MS - clock.uptimeMs();
    const conditions = left <= 0 ? planSilentConditions(node, now) : undefined;
    if (conditions) {
      if (readyStatus(node) === 'True') this.#events.event(node, nodeNotReady(name));
      const status = { ...node.status, conditions };
      node = await client.update(nodes, { ...node, status }, { subresource: 'status' });
    }
    const others = this.#nodes.list().filter((other) => other.metadata.name !== name);
    const taints = planTaints(node, evictionMode([...others, node]), now);
    if (taints) {
      const metadata = { uid: node.metadata.uid, resourceVersion: node.metadata.resourceVersion };
      await client.patch(nodes, { name }, 'merge', { metadata, spec: { taints } });
    }
    if (left <= 0) await this.#markPodsNotReady(name, now);
    // A silent node is looked at when it speaks; one that speaks, when it might have fallen silent.
    return left > 0 ? { requeueAfterMs: left } : undefined;
  }

  /** Services must not send anybody there. The agent reports the truth when it is back. */
  async #markPodsNotReady(name: string, now: number): Promise<void> {
    for (const pod of this.#pods.byIndex('node', name)) {
      if (!isPodReady(pod)) continue;
      const { namespace, uid, resourceVersion } = pod.metadata;
      const ready = pod.status?.conditions?.find(({ type }) => type === 'Ready');
      const conditions = withPodCondition(
        pod,
        { type: 'Ready', status: 'False', reason: ready?.reason, message: ready?.message },
        now,
      );
      this.#events.event(pod, podNodeNotReady);
      try {
        await this.#context.client.patch(
          pods,
          { namespace, name: pod.metadata.name ?? '' },
          'merge',
          { metadata: { uid, resourceVersion }, status: { conditions } },
          { subresource: 'status' },
        );
      } catch (err) {
        if (!isNotFound(err)) throw err;
      }
    }
  }
}

/** A silent node's own Unknown keeps the old heartbeat, so it is no sign of life. */
const heartbeatOf = (node: Node | undefined): string | undefined =>
  node?.status?.conditions?.find(({ type }) => type === 'Ready')?.lastHeartbeatTime;

export const createNodeLifecycleController = (context: ControllerContext): Controller =>
  new NodeLifecycleController(context);
