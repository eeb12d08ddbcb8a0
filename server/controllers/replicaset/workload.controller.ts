import type { KubeObject } from '#proto/meta/object.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import { indexByController } from '#server/client/object-cache.ts';
import type { Outcome } from '#server/client/work-queue.ts';
import type { Controller, ControllerContext } from '#server/controllers/context.ts';
import { matchesSelector } from '#server/controllers/label-selector.ts';
import { OwnedPods } from '#server/controllers/owned-pods.ts';
import { controllerOf, controllerReference } from '#server/controllers/ownership.ts';
import { isPodActive } from '#server/controllers/pod-state.ts';
import type { ReplicaFailure } from '#server/controllers/replicaset/replicaset.plan.ts';
import { planReplicas, planStatus, podFromTemplate } from '#server/controllers/replicaset/replicaset.plan.ts';
import type { Workload, WorkloadKind } from '#server/controllers/replicaset/workload.ts';

/** Keeps as many pods as a ReplicaSet or ReplicationController asks for. Reads Pods, writes Pods and status. */
export class WorkloadController<O extends KubeObject> implements Controller {
  readonly #context: ControllerContext;
  readonly #kind: WorkloadKind<O>;
  readonly #owned: OwnedPods<O>;

  constructor(context: ControllerContext, kind: WorkloadKind<O>) {
    this.#context = context;
    this.#kind = kind;
    this.#owned = new OwnedPods(context, {
      ...kind,
      selects: (owner, pod) => matchesSelector(kind.view(owner).selector, pod.metadata.labels),
      reconcile: (key) => this.#reconcile(key),
      workers: 4,
    });
    this.#owned.owners.addIndex('controller', indexByController);
  }

  start(signal: AbortSignal): void {
    this.#owned.start(signal);
  }

  async #reconcile(key: string): Promise<Outcome> {
    const { owners, expectations } = this.#owned;
    const owner = owners.get(key);
    if (!owner) return expectations.forget(key);
    const workload = this.#kind.view(owner);
    const counted = expectations.satisfied(key);
    // Pods that have ended are of no use to anybody: they are not adopted.
    const mine = await this.#owned.claim(owner, isPodActive);
    let failure: unknown;
    let condition: ReplicaFailure | undefined;
    if (counted) {
      const siblings = (): Pod[] => this.#siblings(owner, mine);
      const action = planReplicas(workload, mine, siblings, this.#context.clock.now());
      try {
        if (action.type === 'create') await this.#create(key, owner, workload, action.count);
        else if (action.type === 'delete') await this.#delete(key, owner, action.pods);
      } catch (err) {
        failure = err;
        condition = {
          reason: action.type === 'create' ? 'FailedCreate' : 'FailedDelete',
          message: err instanceof Error ? err.message : String(err),
        };
      }
    } else condition = currentFailure(workload);
    const isGoing = ({ metadata }: Pod): boolean => expectations.isDeleted(key, metadata.uid ?? '');
    const observed = { pods: mine, isGoing, isWhole: counted };
    const { status, requeueAfterMs } = planStatus(workload, observed, condition, this.#context.clock.now());
    await this.#owned.writeStatus(this.#kind.withStatus(owner, status), workload.status, status);
    if (failure) throw failure;
    return requeueAfterMs === undefined ? undefined : { requeueAfterMs };
  }

  /** Active pods of all workloads with the same controller (a Deployment's ReplicaSets), for the ranking. */
  #siblings(owner: O, mine: readonly Pod[]): Pod[] {
    const parent = controllerOf(owner);
    if (!parent) return mine.filter(isPodActive);
    const { owners, pods } = this.#owned;
    return owners
      .byIndex('controller', parent.uid)
      .flatMap((other) => pods.byIndex('controller', other.metadata.uid ?? ''))
      .filter(isPodActive);
  }

  async #create(key: string, owner: O, workload: Workload, count: number): Promise<void> {
    const template = podFromTemplate(workload, controllerReference(owner, this.#kind.resource));
    this.#owned.expectations.expectCreates(key, count);
    const { error } = await this.#owned.create(key, owner, Array<Pod>(count).fill(template));
    if (error) throw error;
  }

  async #delete(key: string, owner: O, doomed: readonly Pod[]): Promise<void> {
    this.#owned.expectations.expectDeletes(
      key,
      doomed.map((pod) => pod.metadata.uid ?? ''),
    );
    const results = await Promise.allSettled(doomed.map((pod) => this.#owned.delete(key, owner, pod)));
    const failed = results.find((result) => result.status === 'rejected');
    if (failed) throw failed.reason;
  }
}

/** While the cache lags nothing was tried, so what failed last still holds. */
function currentFailure(workload: Workload): ReplicaFailure | undefined {
  const current = workload.status?.conditions?.find((condition) => condition.type === 'ReplicaFailure');
  if (!current) return undefined;
  return { reason: current.reason as ReplicaFailure['reason'], message: current.message ?? '' };
}
