import { jobs } from '#proto/api/batch/jobs.ts';
import { pods } from '#proto/api/core/pods.ts';
import { keyOf } from '#proto/meta/object.ts';
import { isNotFound } from '#proto/meta/status-error.ts';
import type { Job, JobStatus } from '#proto/schema/generated/batch-v1.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import type { EventRecorder } from '#server/client/events.ts';
import type { Informer } from '#server/client/informer.ts';
import { indexByController, indexByNamespace } from '#server/client/object-cache.ts';
import type { Outcome, WorkQueue } from '#server/client/work-queue.ts';
import { applyClaims } from '#server/controllers/claim.ts';
import type { Controller, ControllerContext } from '#server/controllers/context.ts';
import { createQueue } from '#server/controllers/context.ts';
import type { BackoffRecord } from '#server/controllers/job/backoff.plan.ts';
import { NO_FAILURES } from '#server/controllers/job/backoff.plan.ts';
import { isJobFinished } from '#server/controllers/job/job-conditions.ts';
import type { JobFacts } from '#server/controllers/job/job-facts.plan.ts';
import { observeJob } from '#server/controllers/job/job-facts.plan.ts';
import { isTracked, JOB_TRACKING, podForJob } from '#server/controllers/job/job-pod.plan.ts';
import type { PodsAction } from '#server/controllers/job/job-pods.plan.ts';
import { planPods } from '#server/controllers/job/job-pods.plan.ts';
import type { PodsOutcome } from '#server/controllers/job/job-status.plan.ts';
import { planJobStatus } from '#server/controllers/job/job-status.plan.ts';
import { equalJson } from '#server/controllers/json.ts';
import { matchesSelector } from '#server/controllers/label-selector.ts';
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

const OURS = 'kubernetes.io/job-controller';
const NOTHING_DONE: PodsOutcome = { created: 0, deleted: [], settled: true };

const isForeign = ({ spec }: Job): boolean => spec.managedBy !== undefined && spec.managedBy !== OURS;

/**
 * Runs Jobs to their end. Reads and writes Pods, writes status.
 * - A round observes, makes or deletes pods, writes one status, then lets counted pods go. Counting what was let
 *   go is the next round's work, which the pod's change brings.
 * - A status is written at the revision it was computed from, and no round begins before the cache shows the last
 *   one written: numbers only ever grow from what is stored.
 * - Pods whose Job is gone or over lose the finalizer here too, or nobody could delete them.
 */
class JobController implements Controller {
  readonly #context: ControllerContext;
  readonly #jobs: Informer<Job>;
  readonly #pods: Informer<Pod>;
  readonly #expectations: Expectations;
  readonly #events: EventRecorder;
  readonly #queue: WorkQueue;
  readonly #orphans: WorkQueue;
  readonly #backoff = new Map<string, BackoffRecord>();
  /** Revision of the last status written, by Job. */
  readonly #written = new Map<string, number>();
  /** Uids of pods that have lost the finalizer; the cache has not shown it yet. */
  readonly #released = new Set<string>();

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#expectations = new Expectations(context.clock);
    this.#events = context.recorderFor('job-controller');
    this.#queue = createQueue(context, 'jobs', (key) => this.#reconcile(key), 4);
    this.#orphans = createQueue(context, 'job-orphans', (key) => this.#releaseOrphan(key));
    this.#jobs = context.informers.for(jobs);
    this.#jobs.addIndex('namespace', indexByNamespace);
    this.#pods = context.informers.for(pods);
    this.#pods.addIndex('controller', indexByController);
    this.#pods.addIndex('orphans', indexOrphans);
    this.#jobs.onChange((type, job, old) => this.#observeJob(type, job, old));
    this.#pods.onChange((type, pod, old) => this.#observePod(type, pod, old));
  }

  start(signal: AbortSignal): void {
    this.#queue.start(signal);
    this.#orphans.start(signal);
  }

  #observeJob(type: string, job: Job, old: Job | undefined): void {
    const key = keyOf(job);
    // Another Job may get the name: it begins without a past.
    if (type === 'DELETED' || (old && old.metadata.uid !== job.metadata.uid)) this.#forget(key);
    this.#queue.add(key);
    if (type !== 'DELETED' && !isJobFinished(job)) return;
    for (const pod of this.#pods.byIndex('controller', job.metadata.uid ?? '')) {
      if (isTracked(pod)) this.#orphans.add(keyOf(pod));
    }
  }

  #observePod(type: string, pod: Pod, old: Pod | undefined): void {
    const uid = pod.metadata.uid ?? '';
    if (type === 'DELETED' || !isTracked(pod)) this.#released.delete(uid);
    const key = ownerKey(pod);
    if (key !== undefined) {
      if (type === 'ADDED') this.#expectations.created(key);
      if (type === 'DELETED' || pod.metadata.deletionTimestamp) this.#expectations.deleted(key, uid);
      this.#queue.add(key);
    }
    const oldKey = old && ownerKey(old);
    if (oldKey !== undefined && oldKey !== key) this.#queue.add(oldKey);
    if (type === 'DELETED') return;
    if (isTracked(pod)) this.#orphans.add(keyOf(pod));
    if (controllerOf(pod)) return;
    for (const job of this.#candidates(pod)) this.#queue.add(keyOf(job));
  }

  #candidates(pod: Pod): Job[] {
    return this.#jobs
      .byIndex('namespace', pod.metadata.namespace ?? '')
      .filter((job) => matchesSelector(job.spec.selector, pod.metadata.labels));
  }

  async #reconcile(key: string): Promise<Outcome> {
    const job = this.#jobs.get(key);
    if (!job || isJobFinished(job)) return this.#forget(key);
    if (isForeign(job) || Number(job.metadata.resourceVersion) < (this.#written.get(key) ?? 0))
      return undefined;
    const satisfied = this.#expectations.satisfied(key);
    // Of the same moment as the pods: what is seen to lose the finalizer during the claim leaves the set.
    const released = new Set(this.#released);
    const facts = observeJob({
      job,
      pods: await this.#claim(job),
      released,
      backoff: this.#backoff.get(key) ?? NO_FAILURES,
      now: this.#context.clock.now(),
    });
    const action: PodsAction = satisfied ? planPods(facts) : { type: 'none' };
    const { outcome, error } = await this.#act(key, facts, action, satisfied);
    const plan = planJobStatus(facts, outcome);
    await this.#writeStatus(key, job, plan.status);
    this.#backoff.set(key, facts.backoff);
    for (const words of plan.events) this.#events.event(job, words);
    await Promise.all(plan.release.map((pod) => this.#release(pod)));
    if (error) throw error;
    const waits = [plan.requeueAfterMs, action.type === 'wait' ? action.ms : undefined];
    const requeueAfterMs = Math.min(...waits.filter((ms) => ms !== undefined));
    return Number.isFinite(requeueAfterMs) ? { requeueAfterMs } : undefined;
  }

  #forget(key: string): void {
    this.#expectations.forget(key);
    this.#backoff.delete(key);
    this.#written.delete(key);
  }

  async #claim(job: Job): Promise<Pod[]> {
    const { uid = '', namespace = '' } = job.metadata;
    const candidates = [
      ...this.#pods.byIndex('controller', uid),
      ...this.#pods.byIndex('orphans', namespace),
    ];
    return applyClaims({
      client: this.#context.client,
      ownerResource: jobs,
      owner: job,
      reference: controllerReference(job, jobs),
      resource: pods,
      claims: planClaims(job, candidates, (pod) => matchesSelector(job.spec.selector, pod.metadata.labels)),
      finalizer: JOB_TRACKING,
    });
  }

  async #act(
    key: string,
    facts: JobFacts,
    action: PodsAction,
    satisfied: boolean,
  ): Promise<{ outcome: PodsOutcome; error?: unknown }> {
    switch (action.type) {
      case 'none':
      case 'wait':
        return { outcome: { ...NOTHING_DONE, settled: satisfied } };
      case 'create': {
        const { done, error } = await this.#create(key, facts, action.indexes);
        return { outcome: { created: done, deleted: [], settled: error === undefined }, error };
      }
      case 'delete': {
        this.#expectations.expectDeletes(
          key,
          action.pods.map((pod) => pod.metadata.uid ?? ''),
        );
        const results = await Promise.allSettled(
          action.pods.map((pod) => this.#delete(key, facts.job, pod, action.uncounted)),
        );
        const deleted = action.pods.filter((_pod, i) => results[i]?.status === 'fulfilled');
        const error = results.find((result) => result.status === 'rejected')?.reason;
        return { outcome: { created: 0, deleted, settled: error === undefined }, error };
      }
    }
  }

  async #create(key: string, facts: JobFacts, indexes: readonly (number | undefined)[]) {
    const { job, delayed } = facts;
    const owner = controllerReference(job, jobs);
    const queue = [...indexes];
    this.#expectations.expectCreates(key, indexes.length);
    const result = await slowStart(indexes.length, async () => {
      const index = queue.shift();
      const replaced = index === undefined ? undefined : delayed.get(index);
      try {
        const pod = await this.#context.client.create(pods, podForJob(job, owner, index, replaced));
        this.#events.event(job, createdPod(pod.metadata.name ?? ''));
      } catch (err) {
        if (isNamespaceTerminating(err)) return;
        this.#events.event(job, createPodFailed(err));
        throw err;
      }
    });
    if (result.done < indexes.length) this.#expectations.created(key, indexes.length - result.done);
    return result;
  }

  async #delete(key: string, job: Job, pod: Pod, uncounted: boolean): Promise<void> {
    const { namespace, name = '', uid } = pod.metadata;
    try {
      if (uncounted) await this.#release(pod);
      await this.#context.client.delete(pods, { namespace, name }, uid ? { preconditions: { uid } } : {});
      this.#events.event(job, deletedPod(name));
    } catch (err) {
      this.#expectations.deleted(key, uid ?? '');
      if (isNotFound(err)) return;
      this.#events.event(job, deletePodFailed(err));
      throw err;
    }
  }

  async #writeStatus(key: string, job: Job, status: JobStatus): Promise<void> {
    if (equalJson(status, job.status)) return;
    const written = await this.#context.client.update(jobs, { ...job, status }, { subresource: 'status' });
    this.#written.set(key, Number(written.metadata.resourceVersion));
  }

  async #release(pod: Pod): Promise<void> {
    const { namespace, name = '', uid = '' } = pod.metadata;
    if (!isTracked(pod) || this.#released.has(uid)) return;
    // Before the call: the change may be seen before the answer.
    this.#released.add(uid);
    try {
      await this.#context.client.patch(pods, { namespace, name }, 'strategic', {
        metadata: { '$deleteFromPrimitiveList/finalizers': [JOB_TRACKING] },
      });
    } catch (err) {
      this.#released.delete(uid);
      if (!isNotFound(err)) throw err;
    }
  }

  /** A pod that no Job will count any more. */
  async #releaseOrphan(key: string): Promise<void> {
    const pod = this.#pods.get(key);
    if (!pod || !isTracked(pod)) return;
    const owner = ownerKey(pod);
    if (owner !== undefined) {
      const job = this.#jobs.get(owner);
      const isOwn = job !== undefined && job.metadata.uid === controllerOf(pod)?.uid;
      if (isOwn && (isForeign(job) || !isJobFinished(job))) return;
    } else if (this.#candidates(pod).some((job) => !isJobFinished(job))) return;
    await this.#release(pod);
  }
}

function ownerKey(pod: Pod): string | undefined {
  const owner = controllerOf(pod);
  return owner?.kind === 'Job' ? `${pod.metadata.namespace}/${owner.name}` : undefined;
}

export const createJobController = (context: ControllerContext): Controller => new JobController(context);
