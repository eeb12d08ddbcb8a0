import type { AddressInfo } from 'node:net';
import net from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { FakeRuntime } from '#agent/runtime/fake/fake-runtime.ts';
import { FakeClock } from '#proto/meta/clock.ts';
import type { Probe } from '#proto/schema/generated/core-v1.ts';
import {
  initialState,
  nextDueMs,
  type Outcome,
  type ProbeKind,
  portOf,
  stepProbe,
  timeoutMs,
} from './probe.plan.ts';
import { ProbeRunner } from './probe-runner.ts';
import { Prober } from './prober.ts';
import { probeTcp } from './tcp-socket.ts';
import { Ticks } from './ticks.ts';

const ok: Outcome = { type: 'success', message: '' };
const bad: Outcome = { type: 'failure', message: '' };
const broken: Outcome = { type: 'error', message: '' };

describe('stepProbe', () => {
  const results = (kind: ProbeKind, probe: Probe, outcomes: readonly Outcome[]): string[] => {
    let state = initialState(kind);
    return outcomes.map((outcome) => {
      state = stepProbe(state, probe, outcome);
      return state.result;
    });
  };
  it.each<[string, ProbeKind, Probe, Outcome[], string[]]>([
    ['readiness needs one success', 'readiness', {}, [ok], ['success']],
    [
      'three failures in a row take it',
      'readiness',
      {},
      [ok, bad, bad, bad],
      ['success', 'success', 'success', 'failure'],
    ],
    [
      'a success between counts anew',
      'liveness',
      { failureThreshold: 2 },
      [bad, ok, bad, bad],
      ['success', 'success', 'success', 'failure'],
    ],
    [
      'success may need more than one',
      'readiness',
      { successThreshold: 2 },
      [ok, ok],
      ['failure', 'success'],
    ],
    [
      'errors count for nothing',
      'liveness',
      { failureThreshold: 1 },
      [broken, broken],
      ['success', 'success'],
    ],
    ['a warning is a success', 'readiness', {}, [{ type: 'warning', message: '' }], ['success']],
    ['startup is unknown at first', 'startup', {}, [bad, ok], ['unknown', 'success']],
  ])('%s', (_name, kind, probe, outcomes, expected) => {
    expect(results(kind, probe, outcomes)).toEqual(expected);
  });

  it('says nothing new with more of the same', () => {
    const once = stepProbe(initialState('readiness'), {}, ok);
    expect(stepProbe(once, {}, ok)).toBe(once);
  });

  it.each<[string, number, number, number, number]>([
    ['the first wait may be shorter, down to what all share', 1, 100.4, 102, 1000],
    ['a period is a period from then on', 1, 1000, 1003, 2000],
    ['a long one waits for a whole second', 10, 1700, 1702, 11_000],
    ['what was missed is not made up for', 1, 1000, 4100, 4250],
    ['nor is a try due in the past', 1, 1000, 2000, 2250],
  ])('%s', (_name, periodSeconds, dueMs, now, expected) => {
    expect(nextDueMs({ periodSeconds }, dueMs, now)).toBe(expected);
  });

  it.each([
    [undefined, 1000],
    [0, 1000],
    [90, 90_000],
    [2 ** 31 - 1, 2 ** 31 - 1],
  ])('a timeout of %s s is %d ms', (timeoutSeconds, ms) => {
    expect(timeoutMs({ timeoutSeconds })).toBe(ms);
  });

  it('finds ports by name', () => {
    expect(portOf('web', [{ name: 'web', containerPort: 8080 }])).toBe(8080);
    expect(portOf('gone', [])).toBeUndefined();
  });
});

describe('network probes', () => {
  const open: { close(): unknown }[] = [];
  afterEach(() => {
    for (const server of open.splice(0)) server.close();
  });
  it('connects by TCP', async () => {
    const server = net.createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    open.push(server);
    expect((await probeTcp('127.0.0.1', port, 15_000)).type).toBe('success');
    expect((await probeTcp('127.0.0.1', 1, 15_000)).type).toBe('failure');
  });
});

describe('Prober', () => {
  it('holds liveness and readiness until the startup probe has passed', async () => {
    const clock = new FakeClock();
    const runtime = new FakeRuntime({ clock });
    const asked: string[] = [];
    let up = false;
    runtime.execSync = async (_id, command) => {
      asked.push(command[0] ?? '');
      const exitCode = command[0] === 'startup' && !up ? 1 : 0;
      return { exitCode, stdout: new Uint8Array(), stderr: new Uint8Array() };
    };
    const prober = new Prober({
      probes: new ProbeRunner(runtime),
      ticks: new Ticks(clock),
      clock,
      changed: () => {},
      tell: () => {},
    });
    const probe = (name: string): Probe => ({
      exec: { command: [name] },
      periodSeconds: 5,
      failureThreshold: 30,
    });
    const spec = {
      name: 'main',
      startupProbe: probe('startup'),
      livenessProbe: probe('liveness'),
      readinessProbe: probe('readiness'),
    };
    const running = {
      spec,
      containerId: 'c',
      startedAtMs: clock.now(),
      podIp: '',
      started: false,
      ready: false,
    };
    prober.sync([running], false);
    await clock.advance(12_000);
    expect(new Set(asked)).toEqual(new Set(['startup']));
    expect(prober.views().get('c')).toMatchObject({ started: false, ready: false });
    up = true;
    await clock.advance(12_000);
    expect(new Set(asked)).toEqual(new Set(['startup', 'liveness', 'readiness']));
    expect(prober.views().get('c')).toMatchObject({ started: true, ready: true, kill: undefined });
    prober.stop();
  });
});
