import { daemonsets } from '#proto/api/apps/daemonsets.ts';
import { nodes } from '#proto/api/core/nodes.ts';
import { keyOf } from '#proto/meta/object.ts';
import type { DaemonSet } from '#proto/schema/generated/apps-v1.ts';
import type { Node } from '#proto/schema/generated/core-v1.ts';
import type { Informer } from '#server/client/informer.ts';
import type { Outcome } from '#server/client/work-queue.ts';
import type { Controller, ControllerContext } from '#server/controllers/context.ts';
import { daemonPodOf } from '#server/controllers/daemonset/daemon-pod.plan.ts';
import { selectingAll } from '#server/controllers/daemonset/daemonset.events.ts';
import { type DaemonSetPlan, planDaemonSet } from '#server/controllers/daemonset/daemonset.plan.ts';
import { planEligibility } from '#server/controllers/daemonset/eligibility.plan.ts';
import { FailedPodBackoff } from '#server/controllers/daemonset/failed-pod-backoff.ts';
import { ControllerHistory } from '#server/controllers/history/controller-history.ts';
import { REVISION_HASH } from '#server/controllers/history/history.plan.ts';
import { equalJson } from '#server/controllers/json.ts';
import { matchesSelector, selectsEverything } from '#server/controllers/label-selector.ts';
import { OwnedPods } from '#server/controllers/owned-pods.ts';

/** Keeps one Pod of each DaemonSet on each node. Reads Nodes, Pods, revisions; writes Pods, revisions, status. */
class DaemonSetController implements Controller {
  readonly #context: ControllerContext;
  readonly #owned: OwnedPods<DaemonSet>;
  readonly #nodes: Informer<Node>;
  readonly #history: ControllerHistory<DaemonSet>;
  readonly #backoff: FailedPodBackoff;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#backoff = new FailedPodBackoff(context.clock);
    this.#owned = new OwnedPods(context, {
      resource: daemonsets,
      component: 'daemonset-controller',
      selects: (set, pod) => matchesSelector(set.spec.selector, pod.metadata.labels),
      reconcile: (key) => this.#reconcile(key),
    });
    const { queue } = this.#owned;
    this.#history = new ControllerHistory(context, daemonsets, REVISION_HASH, (key) => queue.add(key));
    this.#nodes = context.informers.for(nodes);
    this.#nodes.onChange((type, node, old) => this.#observeNode(type, node, old));
  }

  start(signal: AbortSignal): void {
    this.#owned.start(signal);
  }

  /** Nodes report all the time; only what decides where Pods belong wakes the sets. */
  #observeNode(type: string, node: Node, old: Node | undefined): void {
    const known = type === 'MODIFIED' ? old : undefined;
    const same =
      known &&
      equalJson(known.metadata.labels, node.metadata.labels) &&
      equalJson(known.spec.taints, node.spec.taints);
    if (same) return;
    const { owners, queue } = this.#owned;
    for (const set of owners.values()) {
      const eligible = planEligibility(set.spec.template);
      if (!known || !equalJson(eligible(known), eligible(node))) queue.add(keyOf(set));
    }
  }

  async #reconcile(key: string): Promise<Outcome> {
    const { owners, expectations, events } = this.#owned;
    const set = owners.get(key);
    if (!set) return expectations.forget(key);
    if (selectsEverything(set.spec.selector)) return events.event(set, selectingAll);
    // The garbage collector takes its Pods.
    if (set.metadata.deletionTimestamp) return undefined;
    const counted = expectations.satisfied(key);
    const mine = await this.#owned.claim(set);
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
    await this.#owned.writeStatus({ ...set, status: plan.status }, set.status, plan.status);
    if (failure) throw failure;
    const used = new Set(mine.map((pod) => pod.metadata.labels?.[REVISION_HASH]));
    used.add(hash);
    await this.#history.truncate(set, history, ({ metadata }) => used.has(metadata.labels?.[REVISION_HASH]));
    return plan.requeueAfterMs === undefined ? undefined : { requeueAfterMs: plan.requeueAfterMs };
  }

  async #apply(key: string, set: DaemonSet, hash: string, plan: DaemonSetPlan): Promise<void> {
    const { events, expectations } = this.#owned;
    for (const words of plan.events) events.event(set, words);
    for (const node of plan.failedOn) this.#backoff.failed(backoffKey(set, node));
    if (plan.create.length + plan.delete.length === 0) return;
    expectations.expect(
      key,
      plan.create.length,
      plan.delete.map((pod) => pod.metadata.uid ?? ''),
    );
    const wanted = plan.create.map((nodeName) => daemonPodOf(set, hash, nodeName));
    const [created, ...deleted] = await Promise.allSettled([
      this.#owned.create(key, set, wanted),
      ...plan.delete.map((pod) => this.#owned.delete(key, set, pod)),
    ]);
    if (created.status === 'fulfilled' && created.value.error) throw created.value.error;
    const failed = [created, ...deleted].find((result) => result.status === 'rejected');
    if (failed) throw failed.reason;
  }
}

/** The generation: a changed template gets its chance at once. */
const backoffKey = ({ metadata }: DaemonSet, node: string): string =>
  `${metadata.uid}/${metadata.generation}/${node}`;

export const createDaemonSetController = (context: ControllerContext): Controller =>
  new DaemonSetController(context);
