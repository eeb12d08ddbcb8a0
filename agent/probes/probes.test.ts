import http from 'node:http';
import type { AddressInfo } from 'node:net';
import net from 'node:net';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { FakeRuntime } from '#agent/runtime/fake/fake-runtime.ts';
import { FakeClock } from '#proto/meta/clock.ts';
import type { Probe } from '#proto/schema/generated/core-v1.ts';
import { probeGrpc } from './grpc-health.ts';
import { probeHttp } from './http-get.ts';
import { initialState, type Outcome, type ProbeKind, portOf, stepProbe } from './probe.plan.ts';
import { Prober } from './prober.ts';
import { probeTcp } from './tcp-socket.ts';

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
    ['startup is unknown at first', 'startup', {}, [bad, ok], ['unknown', 'success']],
  ])('%s', (_name, kind, probe, outcomes, expected) => {
    expect(results(kind, probe, outcomes)).toEqual(expected);
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
  const listen = async (handler: http.RequestListener): Promise<number> => {
    const server = http.createServer(handler);
    open.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return (server.address() as AddressInfo).port;
  };
  const target = (port: number, path = '/') =>
    ({ scheme: 'HTTP', host: '127.0.0.1', port, path, headers: [{ name: 'X-Test', value: 'yes' }] }) as const;

  it('takes 200 to 399 for success, and sends the headers', async () => {
    const seen: unknown[] = [];
    const port = await listen((request, response) => {
      seen.push(request.headers['x-test'], request.headers['user-agent']);
      response.statusCode = request.url === '/bad' ? 500 : 204;
      response.end();
    });
    expect((await probeHttp(target(port), 1000)).type).toBe('success');
    expect(await probeHttp(target(port, '/bad'), 1000)).toEqual({
      type: 'failure',
      message: 'HTTP probe failed with statuscode: 500',
    });
    expect(seen.slice(0, 2)).toEqual(['yes', 'kube-probe/1.36']);
  });

  it('follows redirects on the same host alone', async () => {
    const port = await listen((request, response) => {
      if (request.url === '/') response.writeHead(302, { location: '/bad' });
      else if (request.url === '/away') response.writeHead(302, { location: 'http://192.0.2.1/' });
      else response.writeHead(500);
      response.end();
    });
    expect((await probeHttp(target(port), 1000)).type).toBe('failure');
    expect((await probeHttp(target(port, '/away'), 1000)).type).toBe('success');
  });

  it('fails what does not answer in time', async () => {
    const port = await listen(() => {});
    const outcome = await probeHttp(target(port), 50);
    expect(outcome.message).toContain('context deadline exceeded');
    expect(outcome.type).toBe('failure');
  });

  it('connects by TCP', async () => {
    const server = net.createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    expect((await probeTcp('127.0.0.1', port, 1000)).type).toBe('success');
    await new Promise((resolve) => server.close(resolve));
    expect((await probeTcp('127.0.0.1', port, 1000)).type).toBe('failure');
  });

  it('asks the gRPC health service', async () => {
    const server = new Server();
    const bytes = { serialize: (b: Buffer) => b, deserialize: (b: Buffer) => b };
    const definition = {
      Check: {
        path: '/grpc.health.v1.Health/Check',
        requestStream: false,
        responseStream: false,
        requestSerialize: bytes.serialize,
        requestDeserialize: bytes.deserialize,
        responseSerialize: bytes.serialize,
        responseDeserialize: bytes.deserialize,
      },
    };
    server.addService(definition, {
      Check: (call: { request: Buffer }, reply: (err: null, answer: Buffer) => void) =>
        reply(null, Buffer.from([0x08, call.request.toString().includes('good') ? 1 : 2])),
    });
    const port = await new Promise<number>((resolve, reject) =>
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (err, bound) =>
        err ? reject(err) : resolve(bound),
      ),
    );
    open.push({ close: () => server.forceShutdown() });
    expect(await probeGrpc('127.0.0.1', port, 'good', 2000)).toMatchObject({ type: 'success' });
    expect(await probeGrpc('127.0.0.1', port, 'ill', 2000)).toEqual({
      type: 'failure',
      message: 'service unhealthy (responded with "NOT_SERVING")',
    });
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
    const prober = new Prober({ runtime, clock, changed: () => {}, unhealthy: () => {} });
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
