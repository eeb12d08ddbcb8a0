import { describe, expect, it } from 'vitest';
import type { Job, JobStatus } from '#proto/schema/generated/batch-v1.ts';
import type { PodSpec } from '#proto/schema/generated/core-v1.ts';
import { job } from '#server/registry/batch/job.ts';
import type { StrategyContext } from '#server/registry/strategy.ts';

const affinity = { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [] } };
const aJob = (pod: Partial<PodSpec>, suspend: boolean, status: JobStatus = {}): Job => ({
  metadata: { name: 'pi' },
  spec: {
    suspend,
    completions: 1,
    parallelism: 1,
    template: { spec: { containers: [{ name: 'main', image: 'pi' }], restartPolicy: 'Never', ...pod } },
  },
  status,
});
const sized: Partial<PodSpec> = {
  containers: [{ name: 'main', image: 'pi', resources: { requests: { cpu: '1' } } }],
};
const suspended: JobStatus = {
  startTime: '2026-01-01T00:00:00Z',
  conditions: [{ type: 'Suspended', status: 'True' }],
};

describe('the template of a Job', () => {
  it.each<[string, Job, Partial<PodSpec>, boolean, string[]]>([
    ['is placed while it waits', aJob({}, true), { nodeSelector: { zone: 'a' }, affinity }, true, []],
    ['is sized while it waits', aJob({}, true), sized, true, []],
    ['is sized as it begins', aJob({}, true), sized, false, []],
    ['is sized when all has stopped', aJob({}, true, suspended), sized, true, []],
    [
      'is not sized while something runs',
      aJob({}, true, { ...suspended, active: 1 }),
      sized,
      true,
      ['spec.template'],
    ],
    [
      'is not sized before it has stopped',
      aJob({}, true, { startTime: 'x' }),
      sized,
      true,
      ['spec.template'],
    ],
    ['is not sized while it runs', aJob({}, false), sized, false, ['spec.template']],
    [
      'gets no other image',
      aJob({}, true),
      { containers: [{ name: 'main', image: 'other' }] },
      true,
      ['spec.template.spec'],
    ],
    [
      'gets no other affinity',
      aJob({}, true),
      { affinity: { podAffinity: {} } },
      true,
      ['spec.template.spec'],
    ],
  ])('%s', (_what, old, pod, suspend, fields) => {
    const context = { now: 0 } as unknown as StrategyContext;
    const errors = job.validateUpdate?.(aJob(pod, suspend), old, context) ?? [];
    expect(errors.map(({ field }) => field)).toEqual(fields);
  });
});
