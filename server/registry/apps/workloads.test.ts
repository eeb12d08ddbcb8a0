import { describe, expect, it } from 'vitest';
import type { DaemonSet, Deployment, ReplicaSet, StatefulSet } from '#proto/schema/generated/apps-v1.ts';
import type { CronJob, Job } from '#proto/schema/generated/batch-v1.ts';
import type { ReplicationController } from '#proto/schema/generated/core-v1.ts';
import { daemonSet } from '#server/registry/apps/daemon-set.ts';
import { deployment } from '#server/registry/apps/deployment.ts';
import { replicaSet } from '#server/registry/apps/replica-set.ts';
import { statefulSet } from '#server/registry/apps/stateful-set.ts';
import { cronJob } from '#server/registry/batch/cron-job.ts';
import { job } from '#server/registry/batch/job.ts';
import { replicationController } from '#server/registry/core/replication-controller.ts';
import { aTemplate, created, createProblems, updateProblems } from '#server/registry/registry.case.ts';

const metadata = { name: 'web', namespace: 'default' };
const selector = { matchLabels: { app: 'web' } };
const aDeployment = (more: Partial<Deployment['spec']> = {}): Deployment => ({
  metadata,
  spec: { selector, template: aTemplate(), ...more },
});

describe('deployments', () => {
  it('have upstream defaults', () => {
    expect(created(deployment, aDeployment()).spec).toMatchObject({
      replicas: 1,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
      revisionHistoryLimit: 10,
      progressDeadlineSeconds: 600,
      template: { spec: { restartPolicy: 'Always', containers: [{ imagePullPolicy: 'IfNotPresent' }] } },
    });
    expect(created(deployment, aDeployment()).spec.template.spec?.enableServiceLinks).toBeUndefined();
  });

  it.each<[string, Partial<Deployment['spec']>, string[]]>([
    ['a good one', {}, []],
    [
      'no selector',
      { selector: undefined },
      [
        'spec.selector: Required value',
        'spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` does not match template `labels`',
      ],
    ],
    [
      'an empty selector',
      { selector: {} },
      ['spec.selector: Invalid value: {}: empty selector is invalid for deployment'],
    ],
    [
      'labels that do not match',
      { template: aTemplate({}, { app: 'other' }) },
      [
        'spec.template.metadata.labels: Invalid value: {"app":"other"}: `selector` does not match template `labels`',
      ],
    ],
    [
      'negative replicas',
      { replicas: -1 },
      ['spec.replicas: Invalid value: -1: must be greater than or equal to 0'],
    ],
    [
      'no room to roll',
      { strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: 0 } } },
      ['spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0'],
    ],
    [
      'rolling parameters for Recreate',
      { strategy: { type: 'Recreate', rollingUpdate: {} } },
      ["spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'"],
    ],
    [
      'a restart policy that ends',
      { template: aTemplate({ restartPolicy: 'Never' }) },
      ['spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"'],
    ],
    [
      'no container',
      { template: aTemplate({ containers: [] }) },
      ['spec.template.spec.containers: Required value'],
    ],
  ])('%s', (_, spec, expected) => expect(createProblems(deployment, aDeployment(spec))).toEqual(expected));

  it('keep their selector', () => {
    const change = (d: Deployment): void => {
      d.spec.selector = { matchLabels: { app: 'web', tier: 'x' } };
      d.spec.template = aTemplate({}, { app: 'web', tier: 'x' });
    };
    expect(updateProblems(deployment, aDeployment(), change)).toEqual([
      'spec.selector: Invalid value: {"matchLabels":{"app":"web","tier":"x"}}: field is immutable',
    ]);
  });
});

describe('the other workloads', () => {
  const replicaSetOf = (more: Partial<ReplicaSet['spec']> = {}): ReplicaSet => ({
    metadata,
    spec: { selector, template: aTemplate(), ...more },
  });
  const aStatefulSet = (more: Partial<StatefulSet['spec']> = {}): StatefulSet => ({
    metadata,
    spec: { selector, serviceName: 'web', template: aTemplate(), ...more },
  });
  const aDaemonSet = (more: Partial<DaemonSet['spec']> = {}): DaemonSet => ({
    metadata,
    spec: { selector, template: aTemplate(), ...more },
  });

  it('ReplicaSets default to one replica', () => {
    expect(createProblems(replicaSet, replicaSetOf())).toEqual([]);
    expect(created(replicaSet, replicaSetOf()).spec.replicas).toBe(1);
  });

  it('StatefulSets may mount what they claim, and change little', () => {
    const volumeClaimTemplates = [
      {
        metadata: { name: 'data' },
        spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
      },
    ];
    const container = { name: 'web', image: 'hello:1', volumeMounts: [{ name: 'data', mountPath: '/data' }] };
    const set = aStatefulSet({ volumeClaimTemplates, template: aTemplate({ containers: [container] }) });
    expect(createProblems(statefulSet, set)).toEqual([]);
    expect(updateProblems(statefulSet, set, (s) => Object.assign(s.spec, { replicas: 3 }))).toEqual([]);
    expect(updateProblems(statefulSet, set, (s) => Object.assign(s.spec, { serviceName: 'other' }))).toEqual([
      "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
    ]);
  });

  it('DaemonSets count their templates', () => {
    const key = 'deprecated.daemonset.template.generation';
    expect(createProblems(daemonSet, aDaemonSet())).toEqual([]);
    const object = created(daemonSet, aDaemonSet());
    expect(object.metadata.annotations?.[key]).toBe('1');
    expect(object.spec.updateStrategy?.rollingUpdate).toEqual({ maxUnavailable: 1, maxSurge: 0 });
  });

  it('ReplicationControllers take selector and labels from the template', () => {
    const object: ReplicationController = { metadata, spec: { template: aTemplate() } };
    expect(created(replicationController, object)).toMatchObject({
      metadata: { labels: { app: 'web' } },
      spec: { selector: { app: 'web' }, replicas: 1 },
    });
    expect(createProblems(replicationController, object)).toEqual([]);
    expect(createProblems(replicationController, { metadata, spec: {} })).toEqual([
      'spec.selector: Required value',
      'spec.template: Required value',
    ]);
  });
});

describe('jobs', () => {
  const aJob = (more: Partial<Job['spec']> = {}): Job => ({
    metadata,
    spec: { template: aTemplate({ restartPolicy: 'Never' }, {}), ...more },
  });

  it('find their Pods by uid', () => {
    const { spec } = created(job, aJob());
    expect(spec).toMatchObject({
      completions: 1,
      parallelism: 1,
      backoffLimit: 6,
      selector: { matchLabels: { 'batch.kubernetes.io/controller-uid': 'uid-1' } },
    });
    expect(spec.template.metadata?.labels).toMatchObject({ 'controller-uid': 'uid-1', 'job-name': 'web' });
  });

  it.each<[string, Partial<Job['spec']>, string[]]>([
    ['a good one', {}, []],
    [
      'one that never ends',
      { template: aTemplate() },
      ['spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"'],
    ],
    [
      'indexed without number',
      { completionMode: 'Indexed', parallelism: 2 },
      ['spec.completions: Required value: when completion mode is Indexed'],
    ],
  ])('%s', (_, spec, expected) => expect(createProblems(job, aJob(spec))).toEqual(expected));

  it('keep their template', () => {
    const change = (j: Job): void => {
      j.spec.template.spec = { containers: [{ name: 'x', image: 'y:1' }], restartPolicy: 'Never' };
    };
    expect(updateProblems(job, aJob(), change)[0]).toMatch(
      /^spec\.template: Invalid value: .*field is immutable$/,
    );
  });

  const aCronJob = (schedule: string): CronJob => ({
    metadata,
    spec: { schedule, jobTemplate: { spec: aJob().spec } },
  });

  it.each<[string, string[]]>([
    ['*/5 * * * *', []],
    ['@daily', []],
    ['0 8-18 * jan-mar mon,fri', []],
    ['', ['spec.schedule: Required value']],
    ['* * *', ['spec.schedule: Invalid value: "* * *": expected exactly 5 fields, found 3: [* * *]']],
    ['61 * * * *', ['spec.schedule: Invalid value: "61 * * * *": end of range (61) above maximum (59): 61']],
  ])('cron %s', (schedule, expected) =>
    expect(createProblems(cronJob, aCronJob(schedule))).toEqual(expected),
  );
});
