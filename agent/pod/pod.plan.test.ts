import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aContainer, aPod, aRun, aSandboxView, aSnapshot } from './fixtures.ts';
import { isLive } from './history.plan.ts';
import { BACKOFF_SECONDS, CONTAINER_HASH } from './labels.ts';
import { planPod } from './pod.plan.ts';
import { resourcesText } from './resize.plan.ts';
import type { ContainerView, Problem, SandboxView, Snapshot } from './snapshot.ts';
import { podStatus } from './status.plan.ts';
import type { Step } from './step.ts';

const sandboxes = [aSandboxView()];
const ready = { state: 'ready', ref: 'sha256:hello' } as const;
const images = new Map([['main', ready]]);
const problem: Problem = { reason: 'CreateContainerConfigError', message: 'no', retryAtMs: 60_000 };
const deleted = { deletionTimestamp: '1970-01-01T00:00:40Z', deletionGracePeriodSeconds: 30 };
const crashed = (attempt: number, backoff: string): ContainerView =>
  aRun({
    attempt,
    state: 'exited',
    exitCode: 1,
    finishedAtMs: 9000,
    annotations: { [BACKOFF_SECONDS]: backoff },
  });

const text = (step: Step): string =>
  Object.entries(step)
    .filter(([key]) => key !== 'message' && key !== 'imageRef')
    .map(([, value]) => value)
    .join(' ');

describe('planPod', () => {
  const cases: readonly [string, Partial<Snapshot>, readonly string[], number?][] = [
    ['volumes come first', { volumes: { state: 'pending' } }, ['prepareVolumes']],
    ['then the sandbox', {}, ['ensureCgroup', 'runSandbox 0']],
    ['then the image', { sandboxes }, ['pullImage main']],
    ['a pull is waited for', { sandboxes, images: new Map([['main', { state: 'pulling' }]]) }, []],
    ['then the container', { sandboxes, images }, ['startContainer main app 0 s0 0']],
    ['a problem is waited for', { sandboxes, images, problems: new Map([['main', problem]]) }, [], 60_000],
    ['what runs is left alone', { sandboxes, containers: [aRun()] }, []],
    [
      'the first restart is immediate',
      { sandboxes, images, containers: [crashed(0, '0')] },
      ['startContainer main app 1 s0 10'],
    ],
    ['the second waits 10 s', { sandboxes, images, containers: [crashed(1, '10')] }, [], 19_000],
    [
      'the wait doubles',
      { now: 19_000, sandboxes, images, containers: [crashed(1, '10')] },
      ['startContainer main app 2 s0 20'],
    ],
    [
      'and ends at 5 min',
      { now: 400_000, sandboxes, images, containers: [crashed(7, '300')] },
      ['startContainer main app 8 s0 300'],
    ],
    [
      'a long run starts it anew',
      {
        now: 700_000,
        sandboxes,
        images,
        containers: [{ ...crashed(7, '300'), finishedAtMs: 700_000 }],
      },
      ['startContainer main app 8 s0 10'],
    ],
    [
      'of old runs one is kept',
      { sandboxes, containers: [0, 1, 2].map((n) => (n < 2 ? crashed(n, '0') : aRun({ attempt: n }))) },
      ['removeContainer main-0 main 0'],
    ],
    [
      'a half-made container is made anew',
      { sandboxes, images, containers: [aRun({ state: 'created' })] },
      ['removeContainer main-0 main 0', 'startContainer main app 0 s0 0'],
    ],
    [
      'a dead sandbox is replaced',
      { sandboxes: [aSandboxView({ ready: false })], containers: [crashed(0, '0')] },
      ['stopSandbox s0', 'ensureCgroup', 'runSandbox 1'],
    ],
    [
      'another image replaces the container',
      { sandboxes, containers: [aRun({ annotations: { [CONTAINER_HASH]: 'other' } })] },
      ['stopContainer main-0 main 30'],
    ],
    [
      'a failed probe does, with its own grace',
      {
        sandboxes,
        containers: [aRun()],
        probes: new Map([
          ['main-0', { started: true, ready: false, kill: { message: 'liveness', graceSeconds: 5 } }],
        ]),
      },
      ['stopContainer main-0 main 5'],
    ],
    [
      'a deleted pod is stopped',
      { pod: aPod({}, deleted), sandboxes, containers: [aRun()] },
      ['stopContainer main-0 main 30'],
    ],
    [
      'once',
      { pod: aPod({}, deleted), sandboxes, containers: [aRun()], stopping: new Map([['main-0', 40_000]]) },
      [],
    ],
    [
      'and again when the grace is cut short',
      {
        pod: aPod({}, { ...deleted, deletionGracePeriodSeconds: 5 }),
        sandboxes,
        containers: [aRun()],
        stopping: new Map([['main-0', 40_000]]),
      },
      ['stopContainer main-0 main 5'],
    ],
    ['then its sandbox', { pod: aPod({}, deleted), sandboxes }, ['stopSandbox s0']],
    ['then cleaned up', { pod: aPod({}, deleted), sandboxes, stopped: new Set(['s0']) }, ['cleanUp']],
    [
      'then deleted',
      { pod: aPod({}, deleted), sandboxes, stopped: new Set(['s0']), cleaned: true },
      ['deletePod'],
    ],
    [
      'and forgotten when the wish is gone',
      { wanted: false, sandboxes, stopped: new Set(['s0']), cleaned: true, containers: [crashed(0, '0')] },
      ['removeContainer main-0 main 0', 'removeSandbox s0', 'forget'],
    ],
    ['what is not supported does not start', { pod: aPod({ hostUsers: false }) }, []],
  ];
  it.each(cases)('%s', (_name, snapshot, steps, wakeAtMs) => {
    const decision = planPod(aSnapshot(snapshot));
    expect(decision.steps.map(text)).toEqual(steps);
    expect(decision.wakeAtMs).toBe(wakeAtMs);
  });

  it('stops sidecars last, and in reverse order', () => {
    const initContainers = ['a', 'b'].map((name) => aContainer({ name, restartPolicy: 'Always' }));
    const pod = aPod({ initContainers }, deleted);
    const side = [aRun({ name: 'a' }), aRun({ name: 'b' })];
    const stops = (containers: ContainerView[]) =>
      planPod(aSnapshot({ pod, sandboxes, containers })).steps.map(text);
    expect(stops([...side, aRun()])).toEqual(['stopContainer main-0 main 30']);
    expect(stops(side)).toEqual(['stopContainer b-0 b 30']);
  });
});

describe('any state of the runtime', () => {
  const run = fc.record({
    name: fc.constantFrom('init', 'side', 'main', 'more', 'stray'),
    attempt: fc.nat(3),
    state: fc.constantFrom('created' as const, 'running' as const, 'exited' as const, 'unknown' as const),
    exitCode: fc.constantFrom(0, 1, 137, 255),
    sandbox: fc.nat(2),
  });
  const world = fc.record({
    policy: fc.constantFrom('Always', 'OnFailure', 'Never'),
    wanted: fc.boolean(),
    deleted: fc.boolean(),
    sandboxes: fc.array(fc.boolean(), { maxLength: 3 }),
    runs: fc.uniqueArray(run, { maxLength: 8, selector: (r) => `${r.name}/${r.attempt}` }),
  });

  it('converges, and a second pass does nothing', () => {
    fc.assert(
      fc.property(world, ({ policy, wanted, deleted: dying, sandboxes: alive, runs }) => {
        const pod = aPod(
          {
            restartPolicy: policy,
            initContainers: [
              aContainer({ name: 'init' }),
              aContainer({ name: 'side', restartPolicy: 'Always' }),
            ],
            containers: [aContainer(), aContainer({ name: 'more' })],
          },
          dying ? deleted : {},
        );
        const views = alive.map((ok, n) => aSandboxView({ id: `s${n}`, attempt: n, ready: ok }));
        const containers = runs
          .filter((r) => r.sandbox < views.length)
          .map(({ sandbox, ...r }) => aRun({ ...r, sandboxId: `s${sandbox}` }));
        let s = aSnapshot({ pod, wanted, sandboxes: views, containers, volumes: { state: 'pending' } });
        let passes = 0;
        for (; passes < 60; passes++) {
          const { steps, wakeAtMs } = planPod(s);
          podStatus(s);
          if (steps.length > 0) s = steps.reduce(apply, s);
          else if (wakeAtMs !== undefined) s = { ...s, now: wakeAtMs };
          else if (!finishInit(s)) break;
          else s = finishInit(s) ?? s;
        }
        expect(passes).toBeLessThan(60);
        expect(planPod(s)).toEqual({ steps: [], wakeAtMs: undefined });
        if (!wanted) expect([s.sandboxes, s.containers]).toEqual([[], []]);
        else if (dying) expect([s.containers.some(isLive), s.deleted]).toEqual([false, true]);
        else if (policy === 'Always') expect(podStatus(s).phase).toBe('Running');
      }),
      { seed: 20260101, numRuns: 1000 },
    );
  });
});

/** A running init container comes to its good end. */
function finishInit(s: Snapshot): Snapshot | undefined {
  const at = s.containers.find((c) => c.name === 'init' && c.state === 'running');
  if (!at || !s.wanted) return undefined;
  return change(s, at.id, { state: 'exited', exitCode: 0, finishedAtMs: s.now });
}

function change(s: Snapshot, id: string, to: Partial<ContainerView>): Snapshot {
  return { ...s, containers: s.containers.map((c) => (c.id === id ? { ...c, ...to } : c)) };
}

/** What each step makes of a world in which everything succeeds. */
function apply(s: Snapshot, step: Step): Snapshot {
  const sandbox = (id: string, to: Partial<SandboxView>): Snapshot['sandboxes'] =>
    s.sandboxes.map((x) => (x.id === id ? { ...x, ...to } : x));
  switch (step.type) {
    case 'ensureCgroup':
      return s;
    case 'prepareVolumes':
      return { ...s, volumes: { state: 'ready' } };
    case 'runSandbox': {
      const view = aSandboxView({ id: `s${step.attempt}`, attempt: step.attempt });
      expect(s.sandboxes.map((x) => x.id)).not.toContain(view.id);
      return { ...s, sandboxes: [...s.sandboxes, view] };
    }
    case 'stopSandbox':
      return {
        ...s,
        sandboxes: sandbox(step.id, { ready: false }),
        stopped: new Set([...s.stopped, step.id]),
      };
    case 'removeSandbox':
      return { ...s, sandboxes: s.sandboxes.filter((x) => x.id !== step.id) };
    case 'pullImage':
      return { ...s, images: new Map([...s.images, [step.container, ready]]) };
    case 'startContainer': {
      const { container: name, attempt, sandboxId } = step;
      expect(s.containers.filter((c) => c.name === name && c.attempt === attempt)).toEqual([]);
      const view = aRun({ name, attempt, sandboxId, startedAtMs: s.now, createdAtMs: s.now });
      return { ...s, containers: [...s.containers, view] };
    }
    case 'stopContainer':
      return change(s, step.id, { state: 'exited', exitCode: 143, finishedAtMs: s.now });
    case 'resizeContainer':
      return { ...s, resized: new Map([...s.resized, [step.id, { given: resourcesText(aContainer()) }]]) };
    case 'removeContainer':
      return { ...s, containers: s.containers.filter((c) => c.id !== step.id) };
    case 'cleanUp':
      return { ...s, cleaned: true };
    case 'deletePod':
      return { ...s, deleted: true };
    case 'forget':
      return { ...s, wanted: true, pod: aPod({}, deleted), deleted: true };
  }
}
