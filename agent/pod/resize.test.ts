import { describe, expect, it } from 'vitest';
import { FakeRuntime } from '#agent/runtime/fake/fake-runtime.ts';
import { FakeClock } from '#proto/meta/clock.ts';
import type { Container } from '#proto/schema/generated/core-v1.ts';
import { aContainer, aPod, aRun, aSandboxView, aSnapshot } from './fixtures.ts';
import type { Hands } from './hands.ts';
import { RESOURCES } from './labels.ts';
import { emptyMemory } from './memory.ts';
import { planPod } from './pod.plan.ts';
import { resourcesText } from './resize.plan.ts';
import { resizeContainer } from './resize.ts';
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
const failed = (wanted: string) => ({
  resized: new Map([
    [before.id, { given: resourcesText(sized('100m')), failed: { wanted, retryAtMs: 20_000 } }],
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
        cgroups: { ensure: async () => '' },
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
    ['more than the board has', '2', undefined, 'ResizeInfeasible'],
    ['what the kernel refuses', '200m', new Error('device or resource busy'), 'ResizeError'],
  ])('tells of %s, and tries again later', async (_name, cpu, breaks, reason) => {
    const { updates, events, resized } = await resize(sized(cpu), breaks);
    expect(updates).toEqual([]);
    expect(events).toEqual([reason]);
    expect(resized?.given).toBe(resourcesText(sized('100m')));
    expect(resized?.failed?.retryAtMs).toBeGreaterThan(0);
  });
});
