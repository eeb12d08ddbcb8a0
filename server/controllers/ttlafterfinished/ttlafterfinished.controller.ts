import { jobs } from '#proto/api/batch/jobs.ts';
import { keyOf } from '#proto/meta/object.ts';
import { isConflict, isNotFound } from '#proto/meta/status-error.ts';
import type { Outcome } from '#server/client/work-queue.ts';
import type { Controller, ControllerContext } from '#server/controllers/context.ts';
import { createQueue } from '#server/controllers/context.ts';
import { msUntilExpired } from '#server/controllers/ttlafterfinished/ttlafterfinished.plan.ts';

/** A clock that jumps forward is noticed after this long at most. */
const LONGEST_WAIT_MS = 10 * 60_000;

/** Deletes finished Jobs, and their pods first, when their time is over. */
export function createTtlAfterFinishedController(context: ControllerContext): Controller {
  const { client, clock, informers } = context;
  const allJobs = informers.for(jobs);
  const queue = createQueue(context, 'ttl-after-finished', async (key): Promise<Outcome> => {
    const job = allJobs.get(key);
    const left = job && msUntilExpired(job, clock.now());
    if (!job || left === undefined) return undefined;
    if (left > 0) return { requeueAfterMs: Math.min(left, LONGEST_WAIT_MS) };
    const { namespace, name = '', uid } = job.metadata;
    try {
      // The ttl may have been raised a moment ago.
      const fresh = await client.get(jobs, { namespace, name });
      const still = msUntilExpired(fresh, clock.now());
      if (fresh.metadata.uid !== uid || still === undefined) return undefined;
      if (still > 0) return { requeueAfterMs: Math.min(still, LONGEST_WAIT_MS) };
      await client.delete(
        jobs,
        { namespace, name },
        { propagationPolicy: 'Foreground', ...(uid ? { preconditions: { uid } } : {}) },
      );
    } catch (err) {
      // Gone, or gone and made again: not the Job whose time is over.
      if (!isNotFound(err) && !isConflict(err)) throw err;
    }
    return undefined;
  });
  allJobs.onChange((type, job) => {
    if (type !== 'DELETED' && msUntilExpired(job, clock.now()) !== undefined) queue.add(keyOf(job));
  });
  return { start: (signal) => queue.start(signal) };
}
