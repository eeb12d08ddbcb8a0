import { jobs } from '#proto/api/batch/jobs.ts';
import { pods } from '#proto/api/core/pods.ts';
import { keyOf } from '#proto/meta/object.ts';
import { isNotFound } from '#proto/meta/status-error.ts';
import type { Job, JobStatus } from '#proto/schema/generated/batch-v1.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import type { Outcome, WorkQueue } from '#server/client/work-queue.ts';
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
import { matchesSelector } from '#server/controllers/label-selector.ts';
import { OwnedPods } from '#server/controllers/owned-pods.ts';
import { controllerOf, controllerReference } from '#server/controllers/ownership.ts';
import { skippedSince } from '#server/controllers/skipped-since.ts';

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
  readonly #owned: OwnedPods<Job>;
  readonly #orphans: WorkQueue;
  readonly #backoff = new Map<string, BackoffRecord>();
  /** Revision of the last status written, by Job. */
  readonly #written = new Map<string, number>();
  /** Uids of pods that have lost the finalizer; the cache has not shown it yet. */
  readonly #released = new Set<string>();

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#owned = new OwnedPods(context, {
      resource: jobs,
      component: 'job-controller',
      selects: (job, pod) => matchesSelector(job.spec.selector, pod.metadata.labels),
      reconcile: (key) => this.#reconcile(key),
      workers: 4,
      finalizer: JOB_TRACKING,
    });
    this.#orphans = createQueue(context, 'job-orphans', (key) => this.#releaseOrphan(key));
    this.#owned.owners.onChange((type, job, old) => this.#observeJob(type, job, old));
    this.#owned.pods.onChange((type, pod) => this.#observePod(type, pod));
  }

  start(signal: AbortSignal): void {
    this.#owned.start(signal);
    this.#orphans.start(signal);
  }

  #observeJob(type: string, job: Job, old: Job | undefined): void {
    const key = keyOf(job);
    // Another Job may get the name: it begins without a past.
    if (type === 'DELETED' || (old && old.metadata.uid !== job.metadata.uid)) this.#forget(key);
    if (type !== 'DELETED' && !isJobFinished(job)) return;
    for (const pod of this.#owned.pods.byIndex('controller', job.metadata.uid ?? '')) {
      if (isTracked(pod)) this.#orphans.add(keyOf(pod));
    }
  }

  #observePod(type: string, pod: Pod): void {
    if (type === 'DELETED' || !isTracked(pod)) this.#released.delete(pod.metadata.uid ?? '');
    else this.#orphans.add(keyOf(pod));
  }

  async #reconcile(key: string): Promise<Outcome> {
    const { owners, expectations, events } = this.#owned;
    const job = owners.get(key);
    if (!job || isJobFinished(job)) return this.#forget(key);
    if (isForeign(job) || Number(job.metadata.resourceVersion) < (this.#written.get(key) ?? 0))
      return undefined;
    const satisfied = expectations.satisfied(key);
    // Of the same moment as the pods: what is seen to lose the finalizer during the claim leaves the set.
    const released = new Set(this.#released);
    const facts = observeJob({
      job,
      pods: await this.#owned.claim(job),
      released,
      backoff: this.#backoff.get(key) ?? NO_FAILURES,
      now: this.#context.clock.now(),
      skippedMs: skippedSince(this.#context.clock, job.status?.startTime),
    });
    const action: PodsAction = satisfied ? planPods(facts) : { type: 'none' };
    const { outcome, error } = await this.#act(key, facts, action, satisfied);
    const plan = planJobStatus(facts, outcome);
    await this.#writeStatus(key, job, plan.status);
    this.#backoff.set(key, facts.backoff);
    for (const words of plan.events) events.event(job, words);
    await Promise.all(plan.release.map((pod) => this.#release(pod)));
    if (error) throw error;
    const waits = [plan.requeueAfterMs, action.type === 'wait' ? action.ms : undefined];
    const requeueAfterMs = Math.min(...waits.filter((ms) => ms !== undefined));
    return Number.isFinite(requeueAfterMs) ? { requeueAfterMs } : undefined;
  }

  #forget(key: string): void {
    this.#owned.expectations.forget(key);
    this.#backoff.delete(key);
    this.#written.delete(key);
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
        this.#owned.expectations.expectDeletes(
          key,
          action.pods.map((pod) => pod.metadata.uid ?? ''),
        );
        const results = await Promise.allSettled(
          action.pods.map((pod) =>
            this.#owned.delete(
              key,
              facts.job,
              pod,
              action.uncounted ? (one) => this.#release(one) : undefined,
            ),
          ),
        );
        const deleted = action.pods.filter((_pod, i) => results[i]?.status === 'fulfilled');
        const error = results.find((result) => result.status === 'rejected')?.reason;
        return { outcome: { created: 0, deleted, settled: error === undefined }, error };
      }
    }
  }

  #create(key: string, facts: JobFacts, indexes: readonly (number | undefined)[]) {
    const { job, delayed } = facts;
    const owner = controllerReference(job, jobs);
    this.#owned.expectations.expectCreates(key, indexes.length);
    const wanted = indexes.map((index) =>
      podForJob(job, owner, index, index === undefined ? undefined : delayed.get(index)),
    );
    return this.#owned.create(key, job, wanted);
  }

  async #writeStatus(key: string, job: Job, status: JobStatus): Promise<void> {
    const written = await this.#owned.writeStatus({ ...job, status }, job.status, status);
    if (written) this.#written.set(key, Number(written.metadata.resourceVersion));
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
    const pod = this.#owned.pods.get(key);
    if (!pod || !isTracked(pod)) return;
    const owner = this.#owned.ownerKey(pod);
    if (owner !== undefined) {
      const job = this.#owned.owners.get(owner);
      const isOwn = job !== undefined && job.metadata.uid === controllerOf(pod)?.uid;
      if (isOwn && (isForeign(job) || !isJobFinished(job))) return;
    } else if (this.#owned.candidates(pod).some((job) => !isJobFinished(job))) return;
    await this.#release(pod);
  }
}

export const createJobController = (context: ControllerContext): Controller => new JobController(context);
