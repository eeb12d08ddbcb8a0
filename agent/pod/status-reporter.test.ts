import { beforeEach, describe, expect, it } from 'vitest';
import { FakeClock } from '#proto/meta/clock.ts';
import { silent } from '#proto/meta/log.ts';
import type { PodStatus } from '#proto/schema/generated/core-v1.ts';
import { EventRecorder } from './event-recorder.ts';
import { aPod, FakeCluster } from './fixtures.ts';
import { keepTimes, StatusReporter, sameStatus, statusPatch } from './status-reporter.ts';

const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));
const status = (phase: string): PodStatus => ({
  phase,
  conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: '2026-01-01T00:00:10Z' }],
});

describe('StatusReporter', () => {
  let clock: FakeClock;
  let cluster: FakeCluster;
  let reporter: StatusReporter;
  const pod = aPod();
  const patches = () => cluster.calls.filter((call) => call.method === 'PATCH');

  beforeEach(() => {
    clock = new FakeClock();
    cluster = new FakeCluster();
    cluster.pods.set('web', pod);
    reporter = new StatusReporter({ cluster, clock, log: silent }, new AbortController().signal);
  });

  it('writes a status once', async () => {
    for (let i = 0; i < 3; i++) {
      reporter.report(pod, status('Running'));
      await settle();
    }
    expect(patches()).toHaveLength(1);
    expect(patches()[0]?.body).toMatchObject({ metadata: { uid: pod.metadata.uid } });
    expect(reporter.isFlushed(pod.metadata.uid ?? '')).toBe(true);
  });

  it('writes only the newest after the server was away', async () => {
    cluster.setConnected(false);
    reporter.report(pod, status('Pending'));
    reporter.report(pod, status('Running'));
    await settle();
    expect(reporter.isFlushed(pod.metadata.uid ?? '')).toBe(false);
    cluster.setConnected(true);
    await settle();
    expect(patches().map((call) => call.body)).toMatchObject([{ status: { phase: 'Running' } }]);
  });

  it('writes again what a server has lost that came back', async () => {
    reporter.report(pod, status('Running'));
    await settle();
    cluster.setConnected(false);
    cluster.pods.set('web', { ...pod, status: status('Pending') });
    cluster.setConnected(true);
    await settle();
    expect(patches()).toHaveLength(2);
    expect(patches()[1]?.body).toMatchObject({ status: { phase: 'Running' } });
    cluster.setConnected(false);
    cluster.pods.set('web', { ...pod, status: status('Running') });
    cluster.setConnected(true);
    await settle();
    expect(patches()).toHaveLength(2);
  });

  it('leaves a pod of another uid alone', async () => {
    cluster.pods.set('web', aPod({}, { uid: 'another' }));
    reporter.report(pod, status('Running'));
    await settle();
    expect(patches()).toEqual([]);
  });

  it('repeats nothing that the server already has', async () => {
    const known = status('Running');
    cluster.pods.set('web', { ...pod, status: { ...known, nominatedNodeName: 'x' } });
    const later = {
      ...known,
      conditions: [{ ...known.conditions?.[0], lastTransitionTime: '2026-02-02T00:00:00Z' }],
    };
    reporter.report(pod, later as PodStatus);
    await settle();
    expect(patches()).toEqual([]);
  });

  it('keeps conditions of others, and takes away what has gone', () => {
    const server: PodStatus = {
      ...status('Running'),
      reason: 'Old',
      podIPs: [{ ip: '1' }],
      conditions: [{ type: 'mine', status: 'True' }],
    };
    const patch = statusPatch({ ...status('Running'), podIPs: [{ ip: '2' }] }, server);
    expect(patch).toMatchObject({ reason: null, podIPs: [{ $patch: 'replace' }, { ip: '2' }] });
    expect(
      sameStatus(status('Running'), {
        ...status('Running'),
        conditions: [...(server.conditions ?? []), ...(status('Running').conditions ?? [])],
      }),
    ).toBe(true);
    expect(keepTimes(status('Running'), { ...status('Running'), startTime: 's' }).startTime).toBe('s');
  });
});

it('takes away a condition of its own that has passed', () => {
  const conditions = [...(status('Running').conditions ?? []), { type: 'PodResizePending', status: 'True' }];
  const server = { ...status('Running'), conditions };
  expect(sameStatus(status('Running'), server)).toBe(false);
  expect(statusPatch(status('Running'), server)['conditions']).toContainEqual({
    $patch: 'delete',
    type: 'PodResizePending',
  });
});

describe('EventRecorder', () => {
  const about = { kind: 'Pod', namespace: 'default', name: 'web', uid: 'u' };

  it('counts the same event up, and holds back a flood', async () => {
    const cluster = new FakeCluster();
    const events = new EventRecorder({ cluster, clock: new FakeClock(), log: silent, nodeName: 'pi' });
    events.record(about, 'Warning', 'BackOff', 'again');
    await settle();
    events.record(about, 'Warning', 'BackOff', 'again');
    await settle();
    expect(cluster.calls.map((call) => call.method)).toEqual(['POST', 'PATCH']);
    expect(cluster.calls[1]?.body).toMatchObject({ count: 2 });
    for (let i = 0; i < 100; i++) events.record(about, 'Normal', 'X', String(i));
    await settle();
    expect(cluster.calls.length).toBe(25);
  });

  it('keeps the newest few while the server is away', async () => {
    const cluster = new FakeCluster();
    cluster.setConnected(false);
    const events = new EventRecorder({ cluster, clock: new FakeClock(), log: silent, nodeName: 'pi' });
    for (let i = 0; i < 100; i++) events.record({ ...about, uid: String(i) }, 'Normal', 'X', String(i));
    cluster.setConnected(true);
    await settle();
    expect(cluster.calls.map((call) => (call.body as { message: string }).message)[0]).toBe('36');
    expect(cluster.calls).toHaveLength(64);
  });
});
