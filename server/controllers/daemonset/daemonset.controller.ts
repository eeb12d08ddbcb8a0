import { daemonsets } from '#proto/api/apps/daemonsets.ts';
import { nodes } from '#proto/api/core/nodes.ts';
import { pods } from '#proto/api/core/pods.ts';
import { keyOf } from '#proto/meta/object.ts';
import { isNotFound } from '#proto/meta/status-error.ts';
import type { DaemonSet, DaemonSetStatus } from '#proto/schema/generated/apps-v1.ts';
import type { Node, Pod } from '#proto/schema/generated/core-v1.ts';
import type { EventRecorder } from '#server/client/events.ts';
import type { Informer } from '#server/client/informer.ts';
import { indexByController, indexByNamespace } from '#server/client/object-cache.ts';
import type { Outcome, WorkQueue } from '#server/client/work-queue.ts';
import { applyClaims } from '#server/controllers/claim.ts';
import type { Controller, ControllerContext } from '#server/controllers/context.ts';
import { createQueue } from '#server/controllers/context.ts';
import { daemonPodOf } from '#server/controllers/daemonset/daemon-pod.plan.ts';
import { selectingAll } from '#server/controllers/daemonset/daemonset.events.ts';
import { type DaemonSetPlan, planDaemonSet } from '#server/controllers/daemonset/daemonset.plan.ts';
import { planEligibility } from '#server/controllers/daemonset/eligibility.plan.ts';
import { FailedPodBackoff } from '#server/controllers/daemonset/failed-pod-backoff.ts';
import { ControllerHistory } from '#server/controllers/history/controller-history.ts';
import { REVISION_HASH } from '#server/controllers/history/history.plan.ts';
import { equalJson } from '#server/controllers/json.ts';
import { matchesSelector, selectsEverything } from '#server/controllers/label-selector.ts';
import {
  controllerOf,
  controllerReference,
  indexOrphans,
  planClaims,
} from '#server/controllers/ownership.ts';
import { Expectations } from '#server/controllers/replicaset/expectations.ts';
import {
  createdPod,
  createPodFailed,
  deletedPod,
  deletePodFailed,
} from '#server/controllers/replicaset/replicaset.events.ts';
import { slowStart } from '#server/controllers/replicaset/slow-start.ts';
import { isNamespaceTerminating } from '#server/controllers/terminating-namespace.ts';

/** Keeps one Pod of each DaemonSet on each node. Reads Nodes, Pods, revisions; writes Pods, revisions, status. */
class DaemonSetController implements Controller {
  readonly #context: ControllerContext;
  readonly #sets: Informer<DaemonSet>;
  readonly #nodes: Informer<Node>;
  readonly #pods: Informer<Pod>;
  readonly #history: ControllerHistory<DaemonSet>;
  readonly #expectations: Expectations;
  readonly #backoff: FailedPodBackoff;
  readonly #events: EventRecorder;
  readonly #queue: WorkQueue;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#events = context.recorderFor('daemonset-controller');
    this.#expectations = new Expectations(context.clock);
    this.#backoff = new FailedPodBackoff(context.clock);
    this.#queue = createQueue(context, 'daemonsets', (key) => this.#reconcile(key));
    this.#history = new ControllerHistory(context, daemonsets, REVISION_HASH, (key) => this.#queue.add(key));
    this.#sets = context.informers.for(daemonsets);
    this.#sets.addIndex('namespace', indexByNamespace);
    this.#nodes = context.informers.for(nodes);
    this.#pods = context.informers.for(pods);
    this.#pods.addIndex('controller', indexByController);
    this.#pods.addIndex('orphans', indexOrphans);
    this.#sets.onChange((_type, set) => this.#queue.add(keyOf(set)));
    this.#nodes.onChange((type, node, old) => this.#observeNode(type, node, old));
    this.#pods.onChange((type, pod, old) => this.#observePod(type, pod, old));
  }

  start(signal: AbortSignal): void {
    this.#queue.start(signal);
  }

  /** Nodes report all the time; only what decides where Pods belong wakes the sets. */
  #observeNode(type: string, node: Node, old: Node | undefined): void {
    const known = type === 'MODIFIED' ? old : undefined;
    const same =
      known &&
      equalJson(known.metadata.labels, node.metadata.labels) &&
      equalJson(known.spec.taints, node.spec.taints);
    if (same) return;
    for (const set of this.#sets.values()) {
      const eligible = planEligibility(set.spec.template);
      if (!known || !equalJson(eligible(known), eligible(node))) this.#queue.add(keyOf(set));
    }
  }

  #observePod(type: string, pod: Pod, old: Pod | undefined): void {
    const key = ownerKey(pod);
    if (key !== undefined) {
      if (type === 'ADDED') this.#expectations.created(key);
      if (type === 'DELETED' || pod.metadata.deletionTimestamp) {
        this.#expectations.deleted(key, pod.metadata.uid ?? '');
      }
      this.#queue.add(key);
    }
    const oldKey = old && ownerKey(old);
    if (oldKey !== undefined && oldKey !== key) this.#queue.add(oldKey);
    if (type === 'DELETED' || controllerOf(pod)) return;
    for (const set of this.#sets.byIndex('namespace', pod.metadata.namespace ?? ''))
      if (matchesSelector(set.spec.selector, pod.metadata.labels)) this.#queue.add(keyOf(set));
  }

  async #reconcile(key: string): Promise<Outcome> {
    const set = this.#sets.get(key);
    if (!set) return this.#expectations.forget(key);
    if (selectsEverything(set.spec.selector)) return this.#events.event(set, selectingAll);
    // The garbage collector takes its Pods.
    if (set.metadata.deletionTimestamp) return undefined;
    const counted = this.#expectations.satisfied(key);
    const mine = await this.#claim(set);
    const history = await this.#history.sync(set);
    const hash = history.update.metadata.labels?.[REVISION_HASH] ?? '';
    const plan = planDaemonSet({
      set,
      hash,
      collisionCount: history.collisionCount,
      nodes: this.#nodes.list(),
      pods: mine,
      backoffMs: (node) => this.#backoff.remainingMs(backoffKey(set, node)),
      now: this.#context.clock.now(),
    });
    let failure: unknown;
    if (counted) failure = await this.#apply(key, set, hash, plan).catch((err: unknown) => err);
    await this.#writeStatus(set, plan.status);
    if (failure) throw failure;
    const used = new Set(mine.map((pod) => pod.metadata.labels?.[REVISION_HASH]));
    used.add(hash);
    await this.#history.truncate(set, history, ({ metadata }) => used.has(metadata.labels?.[REVISION_HASH]));
    return plan.requeueAfterMs === undefined ? undefined : { requeueAfterMs: plan.requeueAfterMs };
  }

  #claim(set: DaemonSet): Promise<Pod[]> {
    const { uid = '', namespace = '' } = set.metadata;
    const candidates = [
      ...this.#pods.byIndex('controller', uid),
      ...this.#pods.byIndex('orphans', namespace),
    ];
    return applyClaims({
      client: this.#context.client,
      ownerResource: daemonsets,
      owner: set,
      reference: controllerReference(set, daemonsets),
      resource: pods,
      claims: planClaims(set, candidates, (pod) => matchesSelector(set.spec.selector, pod.metadata.labels)),
    });
  }

  async #apply(key: string, set: DaemonSet, hash: string, plan: DaemonSetPlan): Promise<void> {
    for (const words of plan.events) this.#events.event(set, words);
    for (const node of plan.failedOn) this.#backoff.failed(backoffKey(set, node));
    if (plan.create.length + plan.delete.length === 0) return;
    this.#expectations.expect(
      key,
      plan.create.length,
      plan.delete.map((pod) => pod.metadata.uid ?? ''),
    );
    const results = await Promise.allSettled([
      this.#create(key, set, hash, plan.create),
      ...plan.delete.map((pod) => this.#delete(key, set, pod)),
    ]);
    const failed = results.find((result) => result.status === 'rejected');
    if (failed) throw failed.reason;
  }

  async #create(key: string, set: DaemonSet, hash: string, nodeNames: readonly string[]): Promise<void> {
    const rest = nodeNames.values();
    const { done, error } = await slowStart(nodeNames.length, async () => {
      const next = rest.next();
      if (next.done) return;
      try {
        const pod = await this.#context.client.create(pods, daemonPodOf(set, hash, next.value));
        this.#events.event(set, createdPod(pod.metadata.name ?? ''));
      } catch (err) {
        if (isNamespaceTerminating(err)) return this.#expectations.created(key);
        this.#events.event(set, createPodFailed(err));
        throw err;
      }
    });
    if (done < nodeNames.length) this.#expectations.created(key, nodeNames.length - done);
    if (error) throw error;
  }

  async #delete(key: string, set: DaemonSet, pod: Pod): Promise<void> {
    const { namespace, name = '', uid } = pod.metadata;
    try {
      await this.#context.client.delete(pods, { namespace, name }, uid ? { preconditions: { uid } } : {});
      this.#events.event(set, deletedPod(name));
    } catch (err) {
      this.#expectations.deleted(key, uid ?? '');
      if (isNotFound(err)) return;
      this.#events.event(set, deletePodFailed(err));
      throw err;
    }
  }

  async #writeStatus(set: DaemonSet, status: DaemonSetStatus): Promise<void> {
    if (equalJson(status, set.status)) return;
    await this.#context.client.update(daemonsets, { ...set, status }, { subresource: 'status' });
  }
}

/** The generation: a changed template gets its chance at once. */
const backoffKey = ({ metadata }: DaemonSet, node: string): string =>
  `${metadata.uid}/${metadata.generation}/${node}`;

function ownerKey(pod: Pod): string | undefined {
  const owner = controllerOf(pod);
  return owner?.kind === 'DaemonSet' ? `${pod.metadata.namespace}/${owner.name}` : undefined;
}

export const createDaemonSetController = (context: ControllerContext): Controller =>
  new DaemonSetController(context);
