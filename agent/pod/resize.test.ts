import { describe, expect, it } from 'vitest';
import { FakeRuntime } from '#agent/runtime/fake/fake-runtime.ts';
import { FakeClock } from '#proto/meta/clock.ts';
import type { Container, PodStatus } from '#proto/schema/generated/core-v1.ts';
import { aContainer, aPod, aRun, aSandboxView, aSnapshot } from './fixtures.ts';
import type { Hands } from './hands.ts';
import { RESOURCES } from './labels.ts';
import { emptyMemory } from './memory.ts';
import { planPod } from './pod.plan.ts';
import { asGranted, resourcesText } from './resize.plan.ts';
import { resizeContainer } from './resize.ts';
import type { ResizeFailure } from './snapshot.ts';
import { podStatus } from './status.plan.ts';

const sized = (cpu: string, more: Partial<Container> = {}) =>
  aContainer({ resources: { limits: { cpu, memory: '64Mi' }, requests: { cpu, memory: '64Mi' } }, ...more });
const before = aRun({ annotations: { [RESOURCES]: resourcesText(sized('100m')) } });
const snapshotOf = (spec: Container, overrides: Partial<Parameters<typeof aSnapshot>[0]> = {}) =>
  aSnapshot({
    pod: aPod({ containers: [spec] }),
    sandboxes: [aSandboxView()],
    containers: [before],
    ...overrides,
  });
const stepsOf = (snapshot: ReturnType<typeof snapshotOf>) => {
  const { steps, wakeAtMs } = planPod(snapshot);
  return [...steps.map(({ type }) => type), ...(wakeAtMs === undefined ? [] : [wakeAtMs])];
};
const onRestart = { resizePolicy: [{ resourceName: 'cpu', restartPolicy: 'RestartContainer' }] };
const failed = (wanted: string, reason: ResizeFailure['reason'] = 'Error') => ({
  resized: new Map([
    [
      before.id,
      {
        given: resourcesText(sized('100m')),
        failed: { wanted, retryAtMs: 20_000, reason, message: `${reason}!` },
      },
    ],
  ]),
});

describe('a resize', () => {
  it.each<[string, ReturnType<typeof snapshotOf>, readonly (string | number)[]]>([
    ['nothing has changed', snapshotOf(sized('100m')), []],
    ['more CPU', snapshotOf(sized('200m')), ['resizeContainer']],
    ['by restart', snapshotOf(sized('200m', onRestart)), ['stopContainer']],
    ['a policy for another resource', snapshotOf(sized('100m', onRestart)), []],
    [
      'done',
      snapshotOf(sized('200m'), { resized: new Map([[before.id, { given: resourcesText(sized('200m')) }]]) }),
      [],
    ],
    ['failed: waits', snapshotOf(sized('200m'), failed(resourcesText(sized('200m')))), [20_000]],
    [
      'asked anew: at once',
      snapshotOf(sized('300m'), failed(resourcesText(sized('200m')))),
      ['resizeContainer'],
    ],
    ['made by an older agent', snapshotOf(sized('200m'), { containers: [aRun()] }), []],
  ])('%s', (_name, snapshot, steps) => {
    expect(stepsOf(snapshot)).toEqual(steps);
  });

  it('shows what the container has until it has what it asks for', () => {
    const cpu = (snapshot: ReturnType<typeof snapshotOf>) =>
      podStatus(snapshot).containerStatuses?.[0]?.resources?.limits?.['cpu'];
    expect(cpu(snapshotOf(sized('200m')))).toBe('100m');
    const resized = new Map([[before.id, { given: resourcesText(sized('200m')) }]]);
    expect(cpu(snapshotOf(sized('200m'), { resized }))).toBe('200m');
  });
});

it.each<[string, ReturnType<typeof snapshotOf>, object[]]>([
  ['nothing to do', snapshotOf(sized('100m')), []],
  ['under way', snapshotOf(sized('200m')), [{ type: 'PodResizeInProgress' }]],
  [
    'refused',
    snapshotOf(sized('200m'), failed(resourcesText(sized('200m')))),
    [{ type: 'PodResizeInProgress', reason: 'Error', message: 'Error!' }],
  ],
  [
    'has to wait',
    snapshotOf(sized('200m'), failed(resourcesText(sized('200m')), 'Deferred')),
    [{ type: 'PodResizePending', reason: 'Deferred', message: 'Deferred!' }],
  ],
  [
    'asked anew',
    snapshotOf(sized('300m'), failed(resourcesText(sized('200m')), 'Infeasible')),
    [{ type: 'PodResizeInProgress' }],
  ],
])('a Pod tells of a resize: %s', (_name, snapshot, expected) => {
  const conditions = podStatus(snapshot).conditions?.filter(({ type }) => type.startsWith('PodResize')) ?? [];
  expect(conditions).toEqual(expected.map((condition) => expect.objectContaining(condition)));
});

it('counts a Pod by what it was granted while it waits for more', () => {
  const pod = aPod({ containers: [sized('2')] });
  const status: PodStatus = {
    conditions: [{ type: 'PodResizePending', status: 'True' }],
    containerStatuses: [
      {
        name: 'main',
        image: '',
        imageID: '',
        ready: true,
        restartCount: 0,
        allocatedResources: { cpu: '100m' },
      },
    ],
  };
  expect(asGranted(pod, status).spec.containers[0]?.resources?.requests).toEqual({ cpu: '100m' });
  expect(asGranted(pod, {})).toBe(pod);
});

describe('resizeContainer', () => {
  async function resize(spec: Container, breaks?: Error) {
    const clock = new FakeClock();
    const runtime = new FakeRuntime({ clock });
    const updates: unknown[] = [];
    runtime.updateResources = async (id, resources) => {
      if (breaks) throw breaks;
      updates.push([id, resources.cpuQuotaUs]);
    };
    const memory = emptyMemory();
    const events: string[] = [];
    const hands = {
      context: {
        runtime,
        clock,
        allocatable: () => ({ cpu: '1' }),
        othersThan: () => [aPod({ containers: [sized('500m')] })],
        cgroups: {
          ensure: async () => '',
          containerUsage: async () => ({ cpuNs: 0, memoryBytes: 0, workingSetBytes: 1 << 20, processes: 1 }),
        },
        memoryCapacityBytes: 1 << 30,
      },
      memory,
      snapshot: snapshotOf(spec),
      event: (_type: string, reason: string) => events.push(reason),
    } as unknown as Hands;
    await resizeContainer({ type: 'resizeContainer', id: before.id, container: 'main' }, hands);
    return { updates, events, resized: memory.resized.get(before.id) };
  }

  it('tells when it is done', async () => {
    const { updates, events, resized } = await resize(sized('200m'));
    expect(updates).toEqual([[before.id, 20_000]]);
    expect(events).toEqual(['ResizeCompleted']);
    expect(resized).toEqual({ given: resourcesText(sized('200m')) });
  });

  it.each([
    ['more than the board has', sized('2'), undefined, 'ResizeInfeasible', /capacity: cpu, requested: 2000/],
    ['more than the others leave', sized('600m'), undefined, 'ResizeDeferred', /requested: 600, used: 500/],
    ['what the kernel refuses', sized('200m'), new Error('resource busy'), 'ResizeError', /resource busy/],
    [
      'less memory than it uses',
      sized('100m', { resources: { limits: { memory: '10Ki' } } }),
      undefined,
      'ResizeError',
      /container "main" memory limit \(10240\) below current usage \(1048576\)/,
    ],
  ])('tells of %s, and tries again later', async (_name, spec, breaks, reason, message) => {
    const { updates, events, resized } = await resize(spec, breaks);
    expect(updates).toEqual([]);
    expect(events).toEqual([reason]);
    expect(resized?.failed?.message).toMatch(message);
    expect(resized?.given).toBe(resourcesText(sized('100m')));
    expect(resized?.failed?.retryAtMs).toBeGreaterThan(0);
  });
});
