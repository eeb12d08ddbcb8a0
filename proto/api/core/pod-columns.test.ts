import { describe, expect, test } from 'vitest';
import { summarizePod } from '#proto/api/core/pod-columns.ts';
import type { ContainerStatus, Pod } from '#proto/schema/generated/core-v1.ts';

const container = (name: string, more: Partial<ContainerStatus> = {}): ContainerStatus => ({
  name,
  ready: false,
  restartCount: 0,
  image: '',
  imageID: '',
  ...more,
});

function aPod(over: { spec?: object; status?: object; metadata?: object }): Pod {
  return {
    metadata: { name: 'p', ...over.metadata },
    spec: { containers: [{ name: 'a' }], ...over.spec },
    status: { phase: 'Pending', ...over.status },
  } as Pod;
}

const running = { running: { startedAt: '2026-01-01T00:00:00Z' } };
const ended = (exitCode: number, reason?: string) => ({
  terminated: { exitCode, ...(reason ? { reason } : {}) },
});

describe('the status of a Pod', () => {
  test.each<[string, Pod, string, string]>([
    ['nothing known yet', aPod({}), '0/1', 'Pending'],
    [
      'running',
      aPod({
        status: { phase: 'Running', containerStatuses: [container('a', { ready: true, state: running })] },
      }),
      '1/1',
      'Running',
    ],
    [
      'crash loop',
      aPod({
        status: {
          phase: 'Running',
          containerStatuses: [container('a', { state: { waiting: { reason: 'CrashLoopBackOff' } } })],
        },
      }),
      '0/1',
      'CrashLoopBackOff',
    ],
    [
      'init container runs',
      aPod({
        spec: { initContainers: [{ name: 'i' }, { name: 'j' }] },
        status: {
          initContainerStatuses: [container('i', { state: ended(0) }), container('j', { state: running })],
        },
      }),
      '0/1',
      'Init:1/2',
    ],
    [
      'init container failed',
      aPod({
        spec: { initContainers: [{ name: 'i' }] },
        status: { initContainerStatuses: [container('i', { state: ended(3) })] },
      }),
      '0/1',
      'Init:ExitCode:3',
    ],
    [
      'a started sidecar does not block and counts',
      aPod({
        spec: { initContainers: [{ name: 's', restartPolicy: 'Always' }] },
        status: {
          phase: 'Running',
          initContainerStatuses: [container('s', { started: true, ready: true, state: running })],
          containerStatuses: [container('a', { ready: true, state: running })],
        },
      }),
      '2/2',
      'Running',
    ],
    [
      'one done, one runs',
      aPod({
        spec: { containers: [{ name: 'a' }, { name: 'b' }] },
        status: {
          phase: 'Running',
          conditions: [{ type: 'Ready', status: 'False' }],
          containerStatuses: [
            container('a', { state: ended(0, 'Completed') }),
            container('b', { ready: true, state: running }),
          ],
        },
      }),
      '1/2',
      'NotReady',
    ],
    [
      'being deleted',
      aPod({ metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' }, status: { phase: 'Running' } }),
      '0/1',
      'Terminating',
    ],
  ])('%s', (_name, pod, ready, status) => {
    expect(summarizePod(pod)).toMatchObject({ ready, status });
  });
});

test('restarts name the time of the last one', () => {
  const pod = aPod({
    status: {
      phase: 'Running',
      containerStatuses: [
        container('a', {
          ready: true,
          restartCount: 2,
          state: running,
          lastState: { terminated: { exitCode: 1, finishedAt: '2026-01-01T00:00:00Z' } },
        }),
      ],
    },
  });
  expect(summarizePod(pod)).toMatchObject({ restarts: 2, lastRestart: '2026-01-01T00:00:00Z' });
});
