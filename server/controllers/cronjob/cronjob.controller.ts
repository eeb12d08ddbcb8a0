import { cronjobs } from '#proto/api/batch/cronjobs.ts';
import { jobs } from '#proto/api/batch/jobs.ts';
import { keyOf } from '#proto/meta/object.ts';
import { isAlreadyExists, isNotFound } from '#proto/meta/status-error.ts';
import type { CronJob, CronJobStatus, Job } from '#proto/schema/generated/batch-v1.ts';
import type { EventRecorder } from '#server/client/events.ts';
import type { Informer } from '#server/client/informer.ts';
import { indexByController } from '#server/client/object-cache.ts';
import type { Outcome, WorkQueue } from '#server/client/work-queue.ts';
import type { Controller, ControllerContext } from '#server/controllers/context.ts';
import { createQueue } from '#server/controllers/context.ts';
import {
  createdJob,
  createJobFailed,
  deletedJob,
  deleteJobFailed,
  missingJob,
  unexpectedJob,
  unknownTimeZone,
  unparseableSchedule,
} from '#server/controllers/cronjob/cronjob.events.ts';
import type { CronAction } from '#server/controllers/cronjob/cronjob.plan.ts';
import {
  jobFor,
  planActive,
  planHistory,
  planStart,
  withStarted,
} from '#server/controllers/cronjob/cronjob.plan.ts';
import type { Schedule } from '#server/controllers/cronjob/schedule.ts';
import { checkTimeZone, parseSchedule, zonedTimestamp } from '#server/controllers/cronjob/schedule.ts';
import { isJobFinished } from '#server/controllers/job/job-conditions.ts';
import { equalJson } from '#server/controllers/json.ts';
import { controllerOf, controllerReference } from '#server/controllers/ownership.ts';

/**
 * Starts Jobs on schedule. Reads CronJobs and Jobs, writes Jobs and status. A Job's name is its scheduled minute,
 * so that a round that is repeated after a crash finds it there instead of making another.
 */
class CronJobController implements Controller {
  readonly #context: ControllerContext;
  readonly #cronJobs: Informer<CronJob>;
  readonly #jobs: Informer<Job>;
  readonly #events: EventRecorder;
  readonly #queue: WorkQueue;
  /** Revision of the last status written: rounds wait until the cache shows it. */
  readonly #written = new Map<string, number>();
  readonly #changedAt = new Map<string, number>();
  /** The last Job that was made, until a status says so: the caches may not have it yet. */
  readonly #started = new Map<string, Job>();

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#events = context.recorderFor('cronjob-controller');
    this.#queue = createQueue(context, 'cronjobs', (key) => this.#reconcile(key));
    this.#cronJobs = context.informers.for(cronjobs);
    this.#jobs = context.informers.for(jobs);
    this.#jobs.addIndex('controller', indexByController);
    this.#cronJobs.onChange((_type, cronJob, old) => this.#observe(cronJob, old));
    this.#jobs.onChange((_type, job) => {
      const owner = controllerOf(job);
      if (owner?.kind === 'CronJob') this.#queue.add(`${job.metadata.namespace}/${owner.name}`);
    });
  }

  start(signal: AbortSignal): void {
    this.#queue.start(signal);
  }

  #observe(cronJob: CronJob, old: CronJob | undefined): void {
    const key = keyOf(cronJob);
    const isChanged =
      old !== undefined &&
      old.metadata.uid === cronJob.metadata.uid &&
      (old.spec.schedule !== cronJob.spec.schedule || old.spec.timeZone !== cronJob.spec.timeZone);
    if (isChanged) this.#changedAt.set(key, this.#context.clock.now());
    this.#queue.add(key);
  }

  async #reconcile(key: string): Promise<Outcome> {
    const cronJob = this.#cronJobs.get(key);
    if (!cronJob) {
      this.#written.delete(key);
      this.#changedAt.delete(key);
      this.#started.delete(key);
      return undefined;
    }
    if (Number(cronJob.metadata.resourceVersion) < (this.#written.get(key) ?? 0)) return undefined;
    const owned = this.#jobs.byIndex('controller', cronJob.metadata.uid ?? '');
    const started = this.#started.get(key);
    const isLost =
      started !== undefined && !owned.some(({ metadata }) => metadata.uid === started.metadata.uid);
    const seen = planActive(cronJob, isLost ? [...owned, started] : owned);
    for (const words of seen.events) this.#events.event(cronJob, words);
    let status = await this.#withoutMissing(cronJob, seen.status, owned);
    const action = this.#plan(key, cronJob, status);
    for (const words of action?.events ?? []) this.#events.event(cronJob, words);
    if (action?.type === 'start') status = await this.#start(key, cronJob, status, action);
    for (const job of planHistory(cronJob, owned)) await this.#delete(cronJob, job);
    await this.#writeStatus(key, cronJob, status);
    this.#started.delete(key);
    const ms = action?.type === 'start' ? action.nextMs : action?.ms;
    return ms === undefined ? undefined : { requeueAfterMs: ms };
  }

  #plan(key: string, cronJob: CronJob, status: CronJobStatus): CronAction | undefined {
    const { metadata, spec } = cronJob;
    if (metadata.deletionTimestamp || spec.suspend) return undefined;
    let times: Schedule;
    try {
      if (spec.timeZone !== undefined) checkTimeZone(spec.timeZone);
    } catch (err) {
      this.#events.event(cronJob, unknownTimeZone(spec.timeZone ?? '', err));
      return undefined;
    }
    try {
      times = parseSchedule(spec.schedule, spec.timeZone);
    } catch (err) {
      this.#events.event(cronJob, unparseableSchedule(spec.schedule, err));
      return undefined;
    }
    const changedAt = this.#changedAt.get(key) ?? 0;
    return planStart({ cronJob, status, times, changedAt, now: this.#context.clock.now() });
  }

  /** Active Jobs that are nowhere leave the list; running ones that are not in it are told. */
  async #withoutMissing(
    cronJob: CronJob,
    status: CronJobStatus,
    owned: readonly Job[],
  ): Promise<CronJobStatus> {
    const known = new Set(owned.map((job) => job.metadata.uid));
    const listed = new Set((status.active ?? []).map(({ uid }) => uid));
    for (const job of owned) {
      if (!isJobFinished(job) && !listed.has(job.metadata.uid)) {
        this.#events.event(cronJob, unexpectedJob(job.metadata.name ?? ''));
      }
    }
    const gone = new Set<string>();
    for (const { uid = '', name = '', namespace } of status.active ?? []) {
      // The cache may not have it yet: the API knows.
      if (known.has(uid) || (await this.#exists(namespace, name, uid))) continue;
      gone.add(uid);
      this.#events.event(cronJob, missingJob(name));
    }
    if (gone.size === 0) return status;
    return { ...status, active: (status.active ?? []).filter(({ uid }) => !gone.has(uid ?? '')) };
  }

  async #exists(namespace: string | undefined, name: string, uid: string): Promise<boolean> {
    try {
      return (await this.#context.client.get(jobs, { namespace, name })).metadata.uid === uid;
    } catch (err) {
      if (isNotFound(err)) return false;
      throw err;
    }
  }

  async #start(
    key: string,
    cronJob: CronJob,
    status: CronJobStatus,
    { at, replace }: Extract<CronAction, { type: 'start' }>,
  ): Promise<CronJobStatus> {
    let current = status;
    if (replace) {
      for (const { uid, name = '', namespace } of status.active ?? []) {
        await this.#delete(cronJob, { metadata: { uid, name, namespace } });
      }
      current = { ...status, active: [] };
    }
    const stamp = zonedTimestamp(at, cronJob.spec.timeZone);
    const wanted = jobFor(cronJob, controllerReference(cronJob, cronjobs), at, stamp);
    const job = await this.#create(cronJob, wanted);
    if (!job) return current;
    this.#started.set(key, job);
    return withStarted(current, job, at);
  }

  /** The Job, made now or before; undefined where somebody else has its name. */
  async #create(cronJob: CronJob, wanted: Job): Promise<Job | undefined> {
    const { client } = this.#context;
    try {
      const job = await client.create(jobs, wanted);
      this.#events.event(cronJob, createdJob(job.metadata.name ?? ''));
      return job;
    } catch (err) {
      // Made before, but the status did not get written; or made just now, and the answer was lost.
      const { namespace, name = '' } = wanted.metadata;
      const there = await client.get(jobs, { namespace, name }).catch(() => undefined);
      if (there && controllerOf(there)?.uid === cronJob.metadata.uid) return there;
      if (isAlreadyExists(err)) return undefined;
      this.#events.event(cronJob, createJobFailed(err));
      throw err;
    }
  }

  async #delete(cronJob: CronJob, { metadata }: Pick<Job, 'metadata'>): Promise<void> {
    const { namespace, name = '', uid } = metadata;
    try {
      await this.#context.client.delete(
        jobs,
        { namespace, name },
        { propagationPolicy: 'Background', ...(uid ? { preconditions: { uid } } : {}) },
      );
      this.#events.event(cronJob, deletedJob(name));
    } catch (err) {
      if (isNotFound(err)) return;
      this.#events.event(cronJob, deleteJobFailed(err));
      throw err;
    }
  }

  async #writeStatus(key: string, cronJob: CronJob, status: CronJobStatus): Promise<void> {
    const { active, ...rest } = status;
    const next = { ...rest, ...(active?.length ? { active } : {}) };
    if (equalJson(next, cronJob.status ?? {})) return;
    const written = await this.#context.client.update(
      cronjobs,
      { ...cronJob, status: next },
      { subresource: 'status' },
    );
    this.#written.set(key, Number(written.metadata.resourceVersion));
  }
}

export const createCronJobController = (context: ControllerContext): Controller =>
  new CronJobController(context);
