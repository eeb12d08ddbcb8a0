import { jobs } from '#proto/api/batch/jobs.ts';
import { pods } from '#proto/api/core/pods.ts';
import { timestamp } from '#proto/meta/timestamp.ts';
import type { Job, JobSpec } from '#proto/schema/generated/batch-v1.ts';
import type { Pod, PodCondition } from '#proto/schema/generated/core-v1.ts';
import { completionIndex } from '#server/controllers/job/job-pod.plan.ts';
import type { Harness } from '#server/controllers/testing/harness.ts';

export const KEY = { namespace: 'default', name: 'pi' };

/** A Job as the registry leaves it: defaults and generated selector included. */
export const aJob = (spec: Partial<JobSpec> = {}): Job => ({
  metadata: { ...KEY },
  spec: {
    parallelism: 1,
    backoffLimit: spec.backoffLimitPerIndex === undefined ? 6 : 2 ** 31 - 1,
    completionMode: 'NonIndexed',
    suspend: false,
    podReplacementPolicy: spec.podFailurePolicy ? 'Failed' : 'TerminatingOrFailed',
    selector: { matchLabels: { job: 'pi' } },
    template: {
      metadata: { labels: { job: 'pi' } },
      spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'pi' }] },
    },
    ...spec,
  },
});

export const getJob = (harness: Harness): Promise<Job> => harness.client.get(jobs, KEY);

export const listPods = async (harness: Harness): Promise<Pod[]> => (await harness.client.list(pods)).items;

export const livePods = async (harness: Harness): Promise<Pod[]> =>
  (await listPods(harness)).filter(
    (pod) => !pod.metadata.deletionTimestamp && !['Failed', 'Succeeded'].includes(pod.status?.phase ?? ''),
  );

export const indexOf = (pod: Pod): number => completionIndex(pod) ?? -1;

/** What a node's agent reports of a pod that has ended. */
export async function endPod(
  harness: Harness,
  pod: Pod,
  exitCode: number,
  conditions: PodCondition[] = [],
): Promise<void> {
  const { namespace, name = '' } = pod.metadata;
  const finishedAt = timestamp(harness.clock.now());
  const main = { name: 'main', image: 'pi', imageID: '', ready: false, restartCount: 0 };
  await harness.client.patch(
    pods,
    { namespace, name },
    'merge',
    {
      status: {
        phase: exitCode === 0 ? 'Succeeded' : 'Failed',
        conditions,
        containerStatuses: [{ ...main, state: { terminated: { exitCode, finishedAt } } }],
      },
    },
    { subresource: 'status' },
  );
}

export const conditionsOf = (job: Job): string[] =>
  (job.status?.conditions ?? []).filter((c) => c.status === 'True').map((c) => `${c.type}: ${c.reason}`);
