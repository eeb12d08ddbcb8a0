import { expect, it } from 'vitest';
import { jobs } from '#proto/api/batch/jobs.ts';
import { timestamp } from '#proto/meta/timestamp.ts';
import { startHarness } from '#server/controllers/testing/harness.ts';
import { createTtlAfterFinishedController } from '#server/controllers/ttlafterfinished/ttlafterfinished.controller.ts';

it('deletes Jobs when their time is over, and not before', async () => {
  const harness = await startHarness([createTtlAfterFinishedController]);
  const { client, clock } = harness;
  const conditions = [{ type: 'Complete', status: 'True', lastTransitionTime: timestamp(clock.now()) }];
  const make = (name: string, ttl: number | undefined, ended: boolean) =>
    client.create(jobs, {
      metadata: { name, namespace: 'default' },
      spec: { template: {}, ...(ttl === undefined ? {} : { ttlSecondsAfterFinished: ttl }) },
      ...(ended ? { status: { conditions } } : {}),
    });
  await make('soon', 0, true);
  await make('later', 3600, true);
  await make('never', undefined, true);
  await make('running', 0, false);
  await harness.settle();
  const deleting = async (): Promise<(string | undefined)[]> =>
    (await client.list(jobs)).items
      .filter((job) => job.metadata.deletionTimestamp)
      .map((job) => `${job.metadata.name} ${job.metadata.finalizers}`);
  expect(await deleting()).toEqual(['soon foregroundDeletion']);
  await clock.advance(3_599_000);
  await harness.settle();
  expect(await deleting()).toHaveLength(1);
  await clock.advance(1_000);
  await harness.settle();
  expect(await deleting()).toEqual(['soon foregroundDeletion', 'later foregroundDeletion']);
  await client.patch(
    jobs,
    { namespace: 'default', name: 'running' },
    'merge',
    { status: { conditions } },
    { subresource: 'status' },
  );
  await harness.settle();
  expect(await deleting()).toContain('running foregroundDeletion');
  harness.stop();
});
