/** Jobs and CronJobs as people use them: counted to completion, indexed, failing, suspended, on schedule, cleaned up. */
import { expect, it } from 'vitest';
import type { CronJob, Job } from '#proto/schema/generated/batch-v1.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import { eventually } from '../support/boards/eventually.ts';
import { apply } from '../support/cluster/manifests.ts';
import { useCluster } from '../support/cluster/use-cluster.ts';

const cluster = useCluster({ boards: 1, memoryMiB: 1024 });
const kubectl = (args: string | readonly string[]) => cluster().kubectl.ok(args);
const getJob = (name: string) => cluster().kubectl.json<Job>(['get', 'job', name]);
const podsOf = async (job: string) =>
  (await cluster().kubectl.json<{ items: Pod[] }>(['get', 'pods', '-l', `job-name=${job}`])).items;

const IMAGE = 'coracle.local/busybox:1';

const aJob = (name: string, script: string, spec: Partial<Job['spec']> = {}) => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name },
  spec: {
    ...spec,
    template: {
      spec: {
        restartPolicy: 'Never',
        terminationGracePeriodSeconds: 1,
        containers: [
          { name: 'main', image: IMAGE, imagePullPolicy: 'IfNotPresent', command: ['sh', '-c', script] },
        ],
      },
    },
  },
});

it('runs a Job that kubectl made, keeps its log, and deletes it with its Pod', async () => {
  await kubectl(['create', 'job', 'hello', `--image=${IMAGE}`, '--', 'echo', 'ahoy']);
  await kubectl('wait --for=condition=complete job/hello --timeout=60s');
  expect(await kubectl('logs job/hello')).toBe('ahoy\n');
  expect(await kubectl('get job hello')).toMatch(/Complete\s+1\/1/);
  // The event comes after the status.
  await eventually(async () => expect(await kubectl('describe job hello')).toContain('Job completed'));
  await kubectl('delete job hello');
  await eventually(async () => expect(await podsOf('hello')).toEqual([]), { timeoutMs: 30_000 });
});

it('counts three completions, two at a time', async () => {
  await apply(cluster(), aJob('three', 'sleep 1', { completions: 3, parallelism: 2 }));
  await kubectl('wait --for=condition=complete job/three --timeout=90s');
  expect((await getJob('three')).status).toMatchObject({
    succeeded: 3,
    ready: 0,
    terminating: 0,
    uncountedTerminatedPods: {},
  });
  const pods = await podsOf('three');
  expect(pods.map((pod) => pod.status?.phase)).toEqual(['Succeeded', 'Succeeded', 'Succeeded']);
  expect(pods.flatMap((pod) => pod.metadata.finalizers ?? [])).toEqual([]);
});

it('tells each Pod of an Indexed Job its index', async () => {
  const script = 'echo $JOB_COMPLETION_INDEX on $(hostname)';
  await apply(
    cluster(),
    aJob('indexed', script, { completions: 3, parallelism: 3, completionMode: 'Indexed' }),
  );
  await kubectl('wait --for=condition=complete job/indexed --timeout=90s');
  expect((await getJob('indexed')).status?.completedIndexes).toBe('0-2');
  const logs = await kubectl('logs -l job-name=indexed');
  expect(logs.trim().split('\n').sort()).toEqual(['0 on indexed-0', '1 on indexed-1', '2 on indexed-2']);
});

it('fails a Job beyond its back-off limit, after 10 s of back-off', async () => {
  await apply(cluster(), aJob('broken', 'exit 3', { backoffLimit: 1 }));
  await kubectl('wait --for=condition=failed job/broken --timeout=90s');
  const job = await getJob('broken');
  expect(job.status?.failed).toBe(2);
  expect(job.status?.conditions?.find(({ type }) => type === 'Failed')).toMatchObject({
    reason: 'BackoffLimitExceeded',
    message: 'Job has reached the specified backoff limit',
  });
  const made = (await podsOf('broken')).map((pod) => Date.parse(pod.metadata.creationTimestamp ?? '')).sort();
  expect((made[1] ?? 0) - (made[0] ?? 0)).toBeGreaterThanOrEqual(9_000);
});

it('suspends a running Job and resumes it', async () => {
  await apply(cluster(), aJob('pause', 'trap "exit 1" TERM; while [ ! -e /go ]; do sleep 1 & wait $!; done'));
  const runs = () =>
    eventually(async () => expect((await getJob('pause')).status?.ready).toBe(1), { timeoutMs: 30_000 });
  await runs();
  await kubectl(['patch', 'job', 'pause', '-p', '{"spec":{"suspend":true}}']);
  await kubectl('wait --for=condition=suspended job/pause --timeout=30s');
  await eventually(async () => expect(await podsOf('pause')).toEqual([]), { timeoutMs: 30_000 });
  await kubectl(['patch', 'job', 'pause', '-p', '{"spec":{"suspend":false}}']);
  await runs();
  await kubectl('exec job/pause -- touch /go');
  await kubectl('wait --for=condition=complete job/pause --timeout=60s');
  expect((await getJob('pause')).status?.failed).toBeUndefined();
});

it('ends a Job at its deadline and deletes it after its ttl', async () => {
  await apply(
    cluster(),
    aJob('late', 'sleep 1000', { activeDeadlineSeconds: 3, ttlSecondsAfterFinished: 5 }),
  );
  await kubectl('wait --for=condition=failed job/late --timeout=60s');
  await kubectl('wait --for=delete job/late --timeout=60s');
  expect(await podsOf('late')).toEqual([]);
});

it('starts a Job each minute, and takes everything along when it is deleted', async () => {
  await kubectl(['create', 'cronjob', 'tide', `--image=${IMAGE}`, '--schedule=* * * * *', '--', 'date']);
  const [job] = await eventually(
    async () => {
      const { items } = await cluster().kubectl.json<{ items: Job[] }>('get jobs');
      const mine = items.filter(({ metadata }) => metadata.ownerReferences?.[0]?.name === 'tide');
      expect(mine.length).toBeGreaterThan(0);
      return mine;
    },
    { timeoutMs: 90_000 },
  );
  const name = job?.metadata.name ?? '';
  expect(name).toMatch(/^tide-\d+$/);
  await kubectl(`wait --for=condition=complete job/${name} --timeout=60s`);
  await eventually(
    async () => {
      const { status } = await cluster().kubectl.json<CronJob>('get cronjob tide');
      expect(status?.lastScheduleTime).toBeDefined();
      expect(status?.lastSuccessfulTime).toBeDefined();
      expect(status?.active).toBeUndefined();
      return true;
    },
    { timeoutMs: 20_000 },
  );
  await kubectl('create job by-hand --from=cronjob/tide');
  await kubectl('wait --for=condition=complete job/by-hand --timeout=60s');
  await kubectl('delete cronjob tide');
  await eventually(async () => expect(await podsOf(name)).toEqual([]), { timeoutMs: 30_000 });
});
