/** The board's part of Ingresses with a real HAProxy, on loopback. The board's wishes are a map here. */
import { execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { anIngress } from '#agent/net/ingress/fixtures.ts';
import { aService } from '#agent/net/services/fixtures.ts';
import { PartVerdicts } from '#agent/node/part-verdicts.ts';
import { createCa } from '#proto/pki/certificate.ts';
import { generateKey, keyToPem } from '#proto/pki/key.ts';
import { toPem } from '#proto/pki/pem.ts';
import type { Secret } from '#proto/schema/generated/core-v1.ts';
import { eventually } from '../support/boards/eventually.ts';
import { ask, askH2, echo, openWebSocket, startLoad } from '../support/http/client.ts';
import { type Asked, type Origin, startH2cOrigin, startOrigin } from '../support/http/origin.ts';
import { serveOn, sliceOf } from '../support/ingress/serve.ts';
import { Wishes } from '../support/ingress/wishes.ts';

const HTTP = 18_080;
const HTTPS = 18_443;
let root = '';
let wishes: Wishes;
let verdicts: PartVerdicts;
let stop: AbortController;
let running: Promise<void>;
let a: Origin;
let b: Origin;

beforeAll(async () => {
  [a, b] = await Promise.all([startOrigin('a'), startOrigin('b')]);
});
afterAll(async () => {
  await Promise.all([a.kill(), b.kill()]);
});
beforeEach(() => {
  // As on a board: where others may not look, though the proxy's user passes through.
  root = mkdtempSync('/run/coracle-test-');
  execFileSync('chmod', ['755', root]);
  wishes = new Wishes();
  verdicts = new PartVerdicts();
  stop = new AbortController();
  running = serve(join(root, 'ingress'));
});
afterEach(async () => {
  stop.abort();
  await running;
  expect(readdirSync(root)).toEqual([]);
  rmSync(root, { recursive: true, force: true });
});

const serve = (directory: string): Promise<void> =>
  serveOn({ directory, wishes, verdicts, httpPort: HTTP, httpsPort: HTTPS }, stop.signal);

const at = (host: string) => ({ ip: '127.0.0.1', port: HTTP, host });
const atTls = (host: string) => ({ ip: '127.0.0.1', port: HTTPS, host });
const endpoints = (service: string, ...origins: Origin[]): void => {
  for (const origin of origins) wishes.put('endpointslices', sliceOf(service, origin));
};
const withdraw = (service: string, origin: Origin): void =>
  wishes.drop('endpointslices', `default/${service}-${origin.name}`);

const serviceAt = (name: string, ...origins: Origin[]): void => {
  wishes.put('services', aService(name));
  endpoints(name, ...origins);
};
const answers = async (host: string, path = '/'): Promise<Asked> => {
  const { status, body } = await ask(at(host), path);
  if (status !== 200) throw new Error(`${status} ${body}`);
  return JSON.parse(body) as Asked;
};
const verdict = () => verdicts.list()[0];
const reason = (): string | undefined => verdict()?.[2];

function aPair(name: string, commonName: string): Secret {
  const key = generateKey();
  const certificate = createCa({ commonName, key, notBeforeMs: 0, notAfterMs: 1e13 });
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  return {
    metadata: { namespace: 'default', name },
    type: 'kubernetes.io/tls',
    data: { 'tls.crt': base64(toPem('CERTIFICATE', certificate)), 'tls.key': base64(keyToPem(key)) },
  } as Secret;
}

const withData = (secret: Secret, data: Record<string, string>): Secret => ({ ...secret, data });

/** The proxies of this test, by what their command lines say. */
const proxies = (): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
        return command.includes(root) && command.includes('haproxy\0-db');
      } catch {
        return false;
      }
    })
    .map(Number);

describe('requests', () => {
  beforeEach(async () => {
    serviceAt('web', a);
    serviceAt('api', b);
    wishes.put(
      'ingresses',
      anIngress('one', {
        'web.example': ['Prefix / web', 'Prefix /api api', 'Exact /api/exact web'],
        '*.wild.example': ['Prefix / api'],
        '': ['Prefix /any web'],
      }),
    );
    await eventually(() => answers('web.example'), { intervalMs: 20 });
  });

  it('go where the rule says that says most, or nowhere', async () => {
    for (const [host, path, origin] of [
      ['web.example', '/', 'a'],
      ['WEB.example:8080', '/', 'a'],
      ['web.example', '/api', 'b'],
      ['web.example', '/api/x?y=1', 'b'],
      ['web.example', '/apis', 'a'],
      ['web.example', '/api/exact', 'a'],
      ['x.wild.example', '/', 'b'],
      ['[::1]:80', '/any', 'a'],
      ['nobody.example', '/any/thing', 'a'],
      ['web.example', '/any', 'a'],
    ] as const)
      expect((await answers(host, path)).origin, host + path).toBe(origin);
    for (const host of ['nobody.example', 'y.x.wild.example', 'wild.example'])
      expect((await ask(at(host), '/')).status, host).toBe(404);
  });

  it('say who asked, whatever the client says of itself', async () => {
    const lies = { 'x-forwarded-for': '1.2.3.4', 'x-forwarded-proto': 'https', 'x-real-ip': '1.2.3.4' };
    const { body } = await ask(at('web.example'), '/', { headers: lies });
    expect((JSON.parse(body) as Asked).headers).toMatchObject({
      host: 'web.example',
      'x-forwarded-for': '127.0.0.1',
      'x-real-ip': '127.0.0.1',
      'x-forwarded-proto': 'http',
      'x-forwarded-host': 'web.example',
      'x-forwarded-port': String(HTTP),
    });
    const tls = await ask(atTls('web.example'), '/', { tls: true });
    expect((JSON.parse(tls.body) as Asked).headers).toMatchObject({
      'x-forwarded-proto': 'https',
      'x-forwarded-port': String(HTTPS),
    });
  });

  it('may become WebSockets', async () => {
    const socket = await openWebSocket(at('web.example'), '/socket');
    expect(await echo(socket, 'hello')).toBe('hello');
    socket.destroy();
  });

  it('may be of HTTP/2', async () => {
    const { body } = await askH2(atTls('web.example'), '/api');
    expect(JSON.parse(body)).toMatchObject({ origin: 'b', httpVersion: '1.1' });
  });

  it('wait for nobody where no Pod is ready', async () => {
    withdraw('api', b);
    await eventually(async () => (await ask(at('web.example'), '/api')).status === 503, { intervalMs: 20 });
    expect((await answers('web.example')).origin).toBe('a');
  });
});

it('speaks HTTP/2 to Pods whose Service says so, with trailers', async () => {
  const grpc = await startH2cOrigin('grpc');
  wishes.put(
    'services',
    aService('grpc', {
      ports: [{ name: 'http', protocol: 'TCP', port: 80, appProtocol: 'kubernetes.io/h2c' }],
    }),
  );
  endpoints('grpc', grpc);
  wishes.put('ingresses', anIngress('one', { 'grpc.example': ['Prefix / grpc'] }));
  const { body, trailers } = await eventually(() => askH2(atTls('grpc.example'), '/x', { te: 'trailers' }));
  expect(JSON.parse(body)).toMatchObject({ origin: 'grpc', httpVersion: '2.0' });
  expect(trailers).toMatchObject({ 'grpc-status': '0' });
  await grpc.kill();
});

it('shows the certificate of the name, a new one when it changes, and its own where there is none', async () => {
  serviceAt('web', a);
  wishes.put('secrets', aPair('one', 'first'));
  wishes.put('secrets', aPair('two', 'wild'));
  wishes.put('secrets', withData(aPair('broken', 'x'), { 'tls.crt': 'eA==', 'tls.key': 'eA==' }));
  wishes.put(
    'ingresses',
    anIngress(
      'one',
      { 'a.example': ['Prefix / web'], 'b.example': ['Prefix / web'], 'x.c.example': ['Prefix / web'] },
      {
        tls: [
          { hosts: ['a.example'], secretName: 'one' },
          { hosts: ['b.example'], secretName: 'broken' },
          { hosts: ['*.c.example'], secretName: 'two' },
          { hosts: ['b.example'], secretName: 'missing' },
        ],
      },
    ),
  );
  const shown = async (host: string) => (await ask(atTls(host), '/', { tls: true })).certificate;
  await eventually(async () => (await shown('a.example')) === 'first', { intervalMs: 20 });
  expect(await shown('x.c.example')).toBe('wild');
  expect(await shown('b.example')).toBe('Coracle Ingress default certificate');
  expect(await shown('localhost')).toBe('Coracle Ingress default certificate');
  wishes.put('secrets', aPair('one', 'second'));
  await eventually(async () => (await shown('a.example')) === 'second', { intervalMs: 20 });

  // Whoever has no business with keys can not read them, and the proxy can not change them.
  for (const name of readdirSync(join(root, 'ingress'), { recursive: true, encoding: 'utf8' })) {
    const { mode, uid } = statSync(join(root, 'ingress', name));
    expect(mode & 0o7, name).toBe(0);
    if (!name.startsWith('sockets')) expect(uid, name).toBe(0);
  }
});

it('goes on without a certificate that HAProxy does not take', async () => {
  serviceAt('web', a);
  const weak = (file: string): string =>
    execFileSync(
      'sh',
      [
        '-c',
        `openssl req -x509 -newkey rsa:512 -nodes -subj /CN=weak -days 9999 -keyout ${root}/k -out ${root}/c 2>/dev/null; cat ${root}/${file}`,
      ],
      { encoding: 'utf8' },
    );
  const data = {
    'tls.crt': Buffer.from(weak('c')).toString('base64'),
    'tls.key': readFileSync(join(root, 'k')).toString('base64'),
  };
  for (const file of ['c', 'k']) rmSync(join(root, file));
  wishes.put('secrets', withData(aPair('weak', 'weak'), data));
  wishes.put('secrets', aPair('good', 'good'));
  const tls = [
    { hosts: ['weak.example'], secretName: 'weak' },
    { hosts: ['good.example'], secretName: 'good' },
  ];
  wishes.put('ingresses', anIngress('one', { 'good.example': ['Prefix / web'] }, { tls }));
  const shown = async () => (await ask(atTls('good.example'), '/', { tls: true })).certificate;
  await eventually(async () => (await shown()) === 'good', { intervalMs: 50 });
});

it('sends plain HTTP on to HTTPS where that is wanted, and keeps a client with its Pod', async () => {
  serviceAt('web', a, b);
  const annotations = { 'coracle.dev/ssl-redirect': 'true' };
  wishes.put('ingresses', anIngress('safe', { 'safe.example': ['Prefix / web'] }, { annotations }));
  const sticky = { 'coracle.dev/affinity': 'cookie' };
  wishes.put(
    'ingresses',
    anIngress('sticky', { 'sticky.example': ['Prefix / web'] }, { annotations: sticky }),
  );
  await eventually(() => answers('sticky.example'), { intervalMs: 20 });
  const { status, headers } = await ask(at('safe.example'), '/x?y');
  expect([status, headers.location]).toEqual([308, `https://safe.example:${HTTPS}/x?y`]);
  expect((await ask(atTls('safe.example'), '/', { tls: true })).status).toBe(200);

  const first = await ask(at('sticky.example'), '/');
  const cookie = String(first.headers['set-cookie']).split(';')[0] ?? '';
  for (let i = 0; i < 6; i++) {
    const { body } = await ask(at('sticky.example'), '/', { headers: { cookie } });
    expect(JSON.parse(body).origin).toBe(JSON.parse(first.body).origin);
  }
});

it('loses no request while Pods come and go, rules change and certificates are renewed', async () => {
  const c = await startOrigin('c');
  serviceAt('web', a, b);
  wishes.put('secrets', aPair('one', 'first'));
  const rules = (...paths: string[]) =>
    anIngress(
      'one',
      { 'web.example': ['Prefix / web', ...paths] },
      { tls: [{ hosts: ['web.example'], secretName: 'one' }] },
    );
  wishes.put('ingresses', rules());
  await eventually(() => answers('web.example'), { intervalMs: 20 });
  const socket = await openWebSocket(at('web.example'), '/');
  const load = startLoad(at('web.example'), '/slow?ms=5');
  const more = async (): Promise<void> => {
    const enough = load.answered + 100;
    await eventually(() => load.answered > enough, { intervalMs: 10 });
  };
  for (let round = 0; round < 3; round++) {
    endpoints('web', c);
    withdraw('web', a);
    await more();
    endpoints('web', a);
    withdraw('web', c);
    await more();
    wishes.put('ingresses', rules(`Prefix /${round} web`));
    await eventually(async () => (await ask(at('web.example'), `/${round}`)).status === 200);
    wishes.put('secrets', aPair('one', `renewed-${round}`));
    await more();
  }
  const { failures, answered } = await load.stop();
  expect(failures).toEqual([]);
  expect(answered).toBeGreaterThan(900);
  // The first process serves what it has, for as long as it is one of the last few.
  expect(await echo(socket, 'still there')).toBe('still there');
  socket.destroy();
  await c.kill();
});

it('starts a proxy that ended again, and keeps few of those that do not end', async () => {
  serviceAt('web', a);
  wishes.put('ingresses', anIngress('one', { 'web.example': ['Prefix / web'] }));
  await eventually(() => answers('web.example'), { intervalMs: 20 });
  const [pid] = proxies();
  expect(pid).toBeDefined();
  if (pid) {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    expect(status).not.toMatch(/^Uid:\s+0\b/m);
    expect(status).toMatch(/^CapBnd:\s+0000000000000400$/m);
    expect(status).toMatch(/^NoNewPrivs:\s+1$/m);
    process.kill(pid, 'SIGKILL');
  }
  await eventually(
    async () => !proxies().includes(pid ?? 0) && (await answers('web.example')).origin === 'a',
  );

  const sockets = [];
  for (let round = 0; round < 6; round++) {
    sockets.push(await openWebSocket(at('web.example'), '/'));
    wishes.put('ingresses', anIngress('one', { 'web.example': ['Prefix / web', `Exact /${round} web`] }));
    await eventually(
      async () => (await ask(at(`web.example`), `/${round}`)).status === 200 && reason() === 'Serving',
    );
  }
  await eventually(() => proxies().length <= 4);
  for (const socket of sockets) socket.destroy();
  await eventually(() => proxies().length === 1);
});

it('runs only while there is an Ingress', async () => {
  serviceAt('web', a);
  wishes.put('ingresses', anIngress('one', { 'web.example': ['Prefix / web'] }));
  await eventually(() => reason() === 'Serving');
  wishes.drop('ingresses', 'default/one');
  await eventually(() => reason() === 'NoIngress' && proxies().length === 0);
  wishes.put('ingresses', anIngress('one', { 'web.example': ['Prefix / web'] }));
  await eventually(() => answers('web.example'));
});

it('says what keeps it from serving', async () => {
  stop.abort();
  await running;
  stop = new AbortController();
  running = serve(join(root, 'ingress'));
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(HTTP, '0.0.0.0', resolve));
  serviceAt('web', a);
  wishes.put('ingresses', anIngress('one', { 'web.example': ['Prefix / web'] }));
  await eventually(() => reason() === 'PortTaken');
  expect(verdict()).toEqual(['IngressReady', true, 'PortTaken', `another program has port ${HTTP}`]);
  expect((await ask(atTls('web.example'), '/', { tls: true })).status).toBe(200);
  await new Promise((resolve) => other.close(resolve));
});

it('takes over what an agent left that was killed', async () => {
  const directory = join(root, 'ingress');
  const child = fork(join(import.meta.dirname, '../support/ingress/board.ts'), [directory], {
    env: { ...process.env, ORIGIN_PORT: String(a.port), HTTP_PORT: String(HTTP), HTTPS_PORT: String(HTTPS) },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  await once(child, 'message');
  const [before] = proxies();
  expect(before).toBeDefined();
  const load = startLoad(at('web.example'), '/');
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(proxies()).toEqual([before]);
  serviceAt('web', a);
  wishes.put('ingresses', anIngress('one', { 'web.example': ['Prefix / web'] }));
  await eventually(() => reason() === 'Serving' && !proxies().includes(before ?? 0));
  const { failures } = await load.stop();
  expect(failures).toEqual([]);
});
