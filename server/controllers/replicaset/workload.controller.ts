import { pods } from '#proto/api/core/pods.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import { keyOf } from '#proto/meta/object.ts';
import { isNotFound } from '#proto/meta/status-error.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import type { EventRecorder } from '#server/client/events.ts';
import type { Informer } from '#server/client/informer.ts';
import { indexByController, indexByNamespace } from '#server/client/object-cache.ts';
import type { Outcome, WorkQueue } from '#server/client/work-queue.ts';
import { applyClaims } from '#server/controllers/claim.ts';
import type { Controller, ControllerContext } from '#server/controllers/context.ts';
import { createQueue } from '#server/controllers/context.ts';
import { equalJson } from '#server/controllers/json.ts';
import { matchesSelector } from '#server/controllers/label-selector.ts';
import {
  controllerOf,
  controllerReference,
  indexOrphans,
  planClaims,
} from '#server/controllers/ownership.ts';
import { isPodActive } from '#server/controllers/pod-state.ts';
import { Expectations } from '#server/controllers/replicaset/expectations.ts';
import {
  createdPod,
  createPodFailed,
  deletedPod,
  deletePodFailed,
} from '#server/controllers/replicaset/replicaset.events.ts';
import type { ReplicaFailure } from '#server/controllers/replicaset/replicaset.plan.ts';
import { planReplicas, planStatus, podFromTemplate } from '#server/controllers/replicaset/replicaset.plan.ts';
import { slowStart } from '#server/controllers/replicaset/slow-start.ts';
import type { Workload, WorkloadKind } from '#server/controllers/replicaset/workload.ts';
import { isNamespaceTerminating } from '#server/controllers/terminating-namespace.ts';

/** Keeps as many pods as a ReplicaSet or ReplicationController asks for. Reads Pods, writes Pods and status. */
export class WorkloadController<O extends KubeObject> implements Controller {
  readonly #context: ControllerContext;
  readonly #kind: WorkloadKind<O>;
  readonly #owners: Informer<O>;
  readonly #pods: Informer<Pod>;
  readonly #expectations: Expectations;
  readonly #events: EventRecorder;
  readonly #queue: WorkQueue;

  constructor(context: ControllerContext, kind: WorkloadKind<O>) {
    this.#context = context;
    this.#kind = kind;
    this.#expectations = new Expectations(context.clock);
    this.#events = context.recorderFor(kind.component);
    this.#queue = createQueue(context, kind.resource.plural, (key) => this.#reconcile(key), 4);
    this.#owners = context.informers.for(kind.resource);
    this.#owners.addIndex('namespace', indexByNamespace);
    this.#pods = context.informers.for(pods);
    this.#pods.addIndex('controller', indexByController);
    this.#pods.addIndex('orphans', indexOrphans);
    this.#owners.onChange((_type, owner) => this.#queue.add(keyOf(owner)));
    this.#pods.onChange((type, pod, old) => this.#observePod(type, pod, old));
  }

  start(signal: AbortSignal): void {
    this.#queue.start(signal);
  }

  #observePod(type: string, pod: Pod, old: Pod | undefined): void {
    const key = this.#ownerKey(pod);
    if (key !== undefined) {
      if (type === 'ADDED') this.#expectations.created(key);
      if (type === 'DELETED' || pod.metadata.deletionTimestamp) {
        this.#expectations.deleted(key, pod.metadata.uid ?? '');
      }
      this.#queue.add(key);
    }
    const oldKey = old && this.#ownerKey(old);
    if (oldKey !== undefined && oldKey !== key) this.#queue.add(oldKey);
    if (type === 'DELETED' || controllerOf(pod)) return;
    for (const owner of this.#owners.byIndex('namespace', pod.metadata.namespace ?? '')) {
      if (matchesSelector(this.#kind.view(owner).selector, pod.metadata.labels))
        this.#queue.add(keyOf(owner));
    }
  }

  #ownerKey(pod: Pod): string | undefined {
    const owner = controllerOf(pod);
    if (owner?.kind !== this.#kind.resource.kind) return undefined;
    return `${pod.metadata.namespace}/${owner.name}`;
  }

  async #reconcile(key: string): Promise<Outcome> {
    const owner = this.#owners.get(key);
    if (!owner) return this.#expectations.forget(key);
    const workload = this.#kind.view(owner);
    const counted = this.#expectations.satisfied(key);
    const mine = await this.#claim(owner, workload);
    let failure: unknown;
    let condition: ReplicaFailure | undefined;
    if (counted) {
      const action = planReplicas(workload, mine, this.#siblings(owner, mine), this.#context.clock.now());
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
    const requeueAfterMs = await this.#writeStatus(owner, workload, mine, condition);
    if (failure) throw failure;
    return requeueAfterMs === undefined ? undefined : { requeueAfterMs };
  }

  async #claim(owner: O, workload: Workload): Promise<Pod[]> {
    const { uid = '', namespace = '' } = owner.metadata;
    const candidates = [...this.#pods.byIndex('controller', uid)];
    // Pods that have ended are of no use to anybody: they are not adopted.
    candidates.push(...this.#pods.byIndex('orphans', namespace).filter(isPodActive));
    return applyClaims({
      client: this.#context.client,
      ownerResource: this.#kind.resource,
      owner,
      reference: controllerReference(owner, this.#kind.resource),
      resource: pods,
      claims: planClaims(owner, candidates, (pod) => matchesSelector(workload.selector, pod.metadata.labels)),
    });
  }

  /** Active pods of all workloads with the same controller (a Deployment's ReplicaSets), for the ranking. */
  #siblings(owner: O, mine: readonly Pod[]): Pod[] {
    const parent = controllerOf(owner);
    if (!parent) return mine.filter(isPodActive);
    return this.#owners
      .byIndex('namespace', owner.metadata.namespace ?? '')
      .filter((other) => controllerOf(other)?.uid === parent.uid)
      .flatMap((other) => this.#pods.byIndex('controller', other.metadata.uid ?? ''))
      .filter(isPodActive);
  }

  async #create(key: string, owner: O, workload: Workload, count: number): Promise<void> {
    const template = podFromTemplate(workload, controllerReference(owner, this.#kind.resource));
    this.#expectations.expectCreates(key, count);
    const { done, error } = await slowStart(count, async () => {
      try {
        const pod = await this.#context.client.create(pods, template);
        this.#events.event(owner, createdPod(pod.metadata.name ?? ''));
      } catch (err) {
        if (isNamespaceTerminating(err)) return;
        this.#events.event(owner, createPodFailed(err));
        throw err;
      }
    });
    if (done < count) this.#expectations.created(key, count - done);
    if (error) throw error;
  }

  async #delete(key: string, owner: O, doomed: readonly Pod[]): Promise<void> {
    this.#expectations.expectDeletes(
      key,
      doomed.map((pod) => pod.metadata.uid ?? ''),
    );
    const results = await Promise.allSettled(doomed.map((pod) => this.#deletePod(key, owner, pod)));
    const failed = results.find((result) => result.status === 'rejected');
    if (failed) throw failed.reason;
  }

  async #deletePod(key: string, owner: O, pod: Pod): Promise<void> {
    const { namespace, name = '', uid } = pod.metadata;
    try {
      await this.#context.client.delete(pods, { namespace, name }, uid ? { preconditions: { uid } } : {});
      this.#events.event(owner, deletedPod(name));
    } catch (err) {
      this.#expectations.deleted(key, uid ?? '');
      if (isNotFound(err)) return;
      this.#events.event(owner, deletePodFailed(err));
      throw err;
    }
  }

  async #writeStatus(
    owner: O,
    workload: Workload,
    mine: readonly Pod[],
    failure: ReplicaFailure | undefined,
  ): Promise<number | undefined> {
    const { status, requeueAfterMs } = planStatus(workload, mine, failure, this.#context.clock.now());
    if (!equalJson(status, workload.status)) {
      const next = this.#kind.withStatus(owner, status);
      await this.#context.client.update(this.#kind.resource, next, { subresource: 'status' });
    }
    return requeueAfterMs;
  }
}

/** While the cache lags nothing was tried, so what failed last still holds. */
function currentFailure(workload: Workload): ReplicaFailure | undefined {
  const current = workload.status?.conditions?.find((condition) => condition.type === 'ReplicaFailure');
  if (!current) return undefined;
  return { reason: current.reason as ReplicaFailure['reason'], message: current.message ?? '' };
}
