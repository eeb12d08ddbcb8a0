import { statefulsets } from '#proto/api/apps/statefulsets.ts';
import { persistentvolumeclaims } from '#proto/api/core/persistentvolumeclaims.ts';
import { keyOf } from '#proto/meta/object.ts';
import type { StatefulSet, StatefulSetStatus } from '#proto/schema/generated/apps-v1.ts';
import type { PersistentVolumeClaim, Pod } from '#proto/schema/generated/core-v1.ts';
import type { Informer } from '#server/client/informer.ts';
import type { Outcome } from '#server/client/work-queue.ts';
import type { Controller, ControllerContext } from '#server/controllers/context.ts';
import { ControllerHistory } from '#server/controllers/history/controller-history.ts';
import { matchesSelector, selectsEverything } from '#server/controllers/label-selector.ts';
import { OwnedPods } from '#server/controllers/owned-pods.ts';
import { slowStart } from '#server/controllers/replicaset/slow-start.ts';
import { applyAction } from '#server/controllers/statefulset/apply-action.ts';
import { ordinalOf, revisionNameOf } from '#server/controllers/statefulset/identity.plan.ts';
import type { StatefulSetAction } from '#server/controllers/statefulset/statefulset.plan.ts';
import { isOrdered, planStatefulSet } from '#server/controllers/statefulset/statefulset.plan.ts';
import { planStatus } from '#server/controllers/statefulset/status.plan.ts';

/** Upstream's name for the label; kubectl and Helm charts know it. */
const HASH_LABEL = 'controller.kubernetes.io/hash';

/** Keeps a StatefulSet's Pods and claims. Reads Pods, claims, revisions; writes all of them and status. */
class StatefulSetController implements Controller {
  readonly #context: ControllerContext;
  readonly #owned: OwnedPods<StatefulSet>;
  readonly #claims: Informer<PersistentVolumeClaim>;
  readonly #history: ControllerHistory<StatefulSet>;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#owned = new OwnedPods(context, {
      resource: statefulsets,
      component: 'statefulset-controller',
      selects: isMember,
      reconcile: (key) => this.#reconcile(key),
    });
    const { queue } = this.#owned;
    this.#history = new ControllerHistory(context, statefulsets, HASH_LABEL, (key) => queue.add(key));
    this.#claims = context.informers.for(persistentvolumeclaims);
    this.#claims.onChange((type, claim) => this.#observeClaim(type, claim));
  }

  start(signal: AbortSignal): void {
    this.#owned.start(signal);
  }

  /** A Pod that waits for its predecessor's claim to go. */
  #observeClaim(type: string, claim: PersistentVolumeClaim): void {
    if (type !== 'DELETED') return;
    const { owners, queue } = this.#owned;
    for (const set of owners.byIndex('namespace', claim.metadata.namespace ?? ''))
      if (set.spec.volumeClaimTemplates?.length) queue.add(keyOf(set));
  }

  async #reconcile(key: string): Promise<Outcome> {
    const { owners, expectations } = this.#owned;
    const set = owners.get(key);
    if (!set) return expectations.forget(key);
    // Validation refuses it; upstream leaves such a set alone as well.
    if (selectsEverything(set.spec.selector)) return undefined;
    const mine = await this.#owned.claim(set);
    if (set.metadata.deletionTimestamp) return this.#watchItGo(set, mine);
    const history = await this.#history.sync(set);
    const { revisions, update, collisionCount } = history;
    const current = revisions.find(({ metadata }) => metadata.name === set.status?.currentRevision) ?? update;
    const plan = planStatefulSet({
      set,
      current,
      update,
      collisionCount,
      pods: mine,
      claimNamed: (name) => this.#claims.get(`${set.metadata.namespace}/${name}`),
      now: this.#context.clock.now(),
    });
    let failure: unknown;
    if (expectations.satisfied(key)) {
      failure = await this.#apply(key, set, plan.actions).catch((err: unknown) => err);
    }
    await this.#writeStatus(set, plan.status);
    if (failure) throw failure;
    const live = new Set([current, update].map(({ metadata }) => metadata.name));
    for (const pod of mine) live.add(revisionNameOf(pod));
    await this.#history.truncate(set, history, ({ metadata }) => live.has(metadata.name));
    return plan.requeueAfterMs === undefined ? undefined : { requeueAfterMs: plan.requeueAfterMs };
  }

  /** The garbage collector takes what the set has, its revisions too: none is made any more, and all are counted. */
  #watchItGo(set: StatefulSet, mine: readonly Pod[]): Promise<void> {
    const { currentRevision: current = '', updateRevision: update = '', collisionCount } = set.status ?? {};
    const now = this.#context.clock.now();
    return this.#writeStatus(
      set,
      planStatus({ set, pods: mine, current, update, collisionCount, now }).status,
    );
  }

  /**
   * In order one after the other. Otherwise many at once, and what deletes comes last: a claim must know whom
   * it goes with before that Pod goes.
   */
  async #apply(key: string, set: StatefulSet, actions: readonly StatefulSetAction[]): Promise<void> {
    if (actions.length === 0) return;
    const deletes = actions.filter((action) => action.type === 'deletePod');
    const others = actions.filter((action) => action.type !== 'deletePod');
    const creates = others.filter((action) => action.type === 'createPod').length;
    this.#owned.expectations.expect(
      key,
      creates,
      deletes.map(({ pod }) => pod.metadata.uid ?? ''),
    );
    try {
      if (isOrdered(set)) for (const action of actions) await this.#applyOne(set, action);
      else for (const group of [others, deletes]) await this.#applyAll(set, group);
    } catch (err) {
      // A Pod's name is its own: asking twice for one that is there already does no harm.
      this.#owned.expectations.forget(key);
      throw err;
    }
  }

  async #applyAll(set: StatefulSet, actions: readonly StatefulSetAction[]): Promise<void> {
    const rest = actions.values();
    const { error } = await slowStart(actions.length, async () => {
      const next = rest.next();
      if (!next.done) await this.#applyOne(set, next.value);
    });
    if (error) throw error;
  }

  #applyOne(set: StatefulSet, action: StatefulSetAction): Promise<void> {
    return applyAction({ client: this.#context.client, events: this.#owned.events }, set, action);
  }

  async #writeStatus(set: StatefulSet, status: StatefulSetStatus): Promise<void> {
    await this.#owned.writeStatus({ ...set, status }, set.status, status);
  }
}

/** A Pod of another name is not the set's, whatever its labels say. */
const isMember = (set: StatefulSet, pod: Pod): boolean =>
  ordinalOf(set, pod) !== undefined && matchesSelector(set.spec.selector, pod.metadata.labels);

export const createStatefulSetController = (context: ControllerContext): Controller =>
  new StatefulSetController(context);
