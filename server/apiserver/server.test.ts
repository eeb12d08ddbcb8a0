import type { IncomingMessage } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { request as httpRequest } from 'node:https';
import { connect as connectTls } from 'node:tls';
import { gunzipSync } from 'node:zlib';
import { afterEach, describe, expect, test } from 'vitest';
import { pods } from '#proto/api/core/pods.ts';
import { encodeProtobuf } from '#proto/meta/protobuf/envelope.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import type { ApiServer, ApiServerDeps } from '#server/apiserver/server.ts';
import { noBoards } from '#server/apiserver/testing/no-boards.ts';
import { startTestServer } from '#server/apiserver/testing/test-server.ts';

const open: ApiServer[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()));
});

interface Reply {
  readonly code: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
  json<T = Record<string, unknown>>(): T;
}

async function start(over: Partial<ApiServerDeps> = {}) {
  const { server, port, ca } = await startTestServer(over);
  open.push(server);
  const send = (
    method: string,
    path: string,
    options: { body?: string | Uint8Array; headers?: Record<string, string>; token?: string } = {},
  ): Promise<Reply> =>
    new Promise((resolve, reject) => {
      const { token = 'admin', body } = options;
      const headers = {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        ...options.headers,
      };
      const req = httpRequest({ host: '127.0.0.1', port, ca, method, path, headers, agent: false }, (res) => {
        const parts: Buffer[] = [];
        res.on('data', (part: Buffer) => parts.push(part));
        res.on('end', () => {
          const bytes = Buffer.concat(parts);
          const reply = { code: res.statusCode ?? 0, headers: res.headers, body: bytes };
          resolve({ ...reply, json: () => JSON.parse(bytes.toString()) });
        });
        res.on('error', reject);
      });
      req.on('error', reject);
      req.end(body);
    });
  return { server, port, ca, send };
}

const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps';
const aMap = (name: string, data: object = {}) => JSON.stringify({ metadata: { name }, data });

describe('over HTTPS', () => {
  test('create, get, list, delete', async () => {
    const { send } = await start();
    expect((await send('POST', CONFIG_MAPS, { body: aMap('a', { k: 'v' }) })).code).toBe(201);
    expect((await send('GET', `${CONFIG_MAPS}/a`)).json()).toMatchObject({
      kind: 'ConfigMap',
      data: { k: 'v' },
    });
    const list = (await send('GET', CONFIG_MAPS)).json<{ kind: string; items: unknown[] }>();
    expect([list.kind, list.items.length]).toEqual(['ConfigMapList', 1]);
    expect((await send('DELETE', `${CONFIG_MAPS}/a`)).json()).toMatchObject({
      kind: 'Status',
      status: 'Success',
    });
    expect((await send('GET', `${CONFIG_MAPS}/a`)).json()).toMatchObject({ code: 404, reason: 'NotFound' });
  });

  test('headers that are too long are refused as what they are', async () => {
    const { send } = await start();
    const reply = await send('GET', '/api', { headers: { 'x-long': 'a'.repeat(17_000) } });
    expect(reply.code).toBe(431);
  });

  test('warns of a kind that something else has taken the place of', async () => {
    const { send } = await start();
    const reply = await send('GET', '/api/v1/endpoints');
    expect([reply.code, reply.headers['warning']]).toEqual([
      200,
      '299 - "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"',
    ]);
  });

  test.each<[string, string, string, object, number]>([
    ['no such user', 'GET', CONFIG_MAPS, { token: 'x' }, 401],
    ['malformed JSON', 'POST', CONFIG_MAPS, { body: '{"metadata":' }, 400],
    [
      'an unknown field',
      'POST',
      `${CONFIG_MAPS}?fieldValidation=Strict`,
      { body: '{"metadata":{"name":"a"},"x":1}' },
      400,
    ],
    ['a wrong type', 'POST', CONFIG_MAPS, { body: '{"metadata":{"name":"a"},"data":{"k":1}}' }, 400],
    [
      'another kind',
      'POST',
      CONFIG_MAPS,
      { body: '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"}}' },
      400,
    ],
    ['a body of 10 MB', 'POST', CONFIG_MAPS, { body: Buffer.alloc(10_000_000, 32) }, 413],
    ['an unknown type', 'POST', CONFIG_MAPS, { body: '<a/>', headers: { 'content-type': 'text/xml' } }, 415],
    ['a patch that is none', 'PATCH', `${CONFIG_MAPS}/a`, { body: '{}' }, 415],
    ['a form nobody writes', 'GET', CONFIG_MAPS, { headers: { accept: 'text/html' } }, 406],
    ['a verb that is not there', 'DELETE', '/api/v1/namespaces', {}, 405],
    ['a path that is not there', 'GET', '/apis/apps/v1/nothing', {}, 404],
    ['a path that is no text', 'GET', '/api/v1/%ff', {}, 400],
    [
      'rubbish protobuf',
      'POST',
      CONFIG_MAPS,
      { body: 'k8s\0rubbish', headers: { 'content-type': 'application/vnd.kubernetes.protobuf' } },
      400,
    ],
  ])('%s', async (_what, method, path, options, code) => {
    const { send } = await start();
    const reply = await send(method, path, options);
    expect(reply.code).toBe(code);
    expect((await send('GET', '/readyz')).code).toBe(200);
  });

  test('protobuf bodies are read', async () => {
    const { send } = await start();
    const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'p' }, data: { k: 'v' } };
    const headers = {
      'content-type': 'application/vnd.kubernetes.protobuf',
      accept: 'application/vnd.kubernetes.protobuf,application/json',
    };
    const reply = await send('POST', CONFIG_MAPS, { body: encodeProtobuf(object), headers });
    expect(reply.json()).toMatchObject({ data: { k: 'v' } });
  });

  test('large answers are compressed, warnings are headers', async () => {
    const { send } = await start();
    await send('POST', CONFIG_MAPS, { body: aMap('a', { k: 'x'.repeat(200_000) }) });
    const reply = await send('GET', `${CONFIG_MAPS}/a`, { headers: { 'accept-encoding': 'gzip' } });
    expect(reply.headers['content-encoding']).toBe('gzip');
    expect(JSON.parse(gunzipSync(reply.body).toString()).data.k.length).toBe(200_000);
    const warned = await send('POST', CONFIG_MAPS, { body: '{"metadata":{"name":"b"},"spex":1}' });
    expect(warned.headers['warning']).toBe('299 - "unknown field \\"spex\\""');
  });

  test('what is compressed already is sent as it is', async () => {
    const body = Buffer.alloc(200_000, 1);
    const page = {
      kind: 'bytes',
      code: 200,
      contentType: 'x/y',
      headers: { 'content-encoding': 'gzip' },
      body,
    } as const;
    const { send } = await start({ extras: [({ path }) => (path === '/page' ? page : undefined)] });
    const reply = await send('GET', '/page', { headers: { 'accept-encoding': 'gzip' } });
    expect(reply.body.equals(body)).toBe(true);
  });

  test('a watch ends at its timeout and says what it saw', async () => {
    const { send } = await start();
    await send('POST', CONFIG_MAPS, { body: aMap('a') });
    const reply = await send('GET', `${CONFIG_MAPS}?watch=true&timeoutSeconds=1`);
    expect(JSON.parse(reply.body.toString().split('\n')[0] ?? '')).toMatchObject({
      type: 'ADDED',
      object: { kind: 'ConfigMap', metadata: { name: 'a' } },
    });
  });

  test('HTTP/2 by ALPN, many requests on one connection', async () => {
    const { port, ca } = await start();
    const session = connectHttp2(`https://127.0.0.1:${port}`, { ca });
    const codes = await Promise.all(
      ['/api', '/apis', '/version', CONFIG_MAPS].map(
        (path) =>
          new Promise((resolve, reject) => {
            const stream = session.request({ ':path': path, authorization: 'Bearer admin' });
            stream.on('response', (headers) => resolve(headers[':status']));
            stream.on('error', reject);
            stream.resume();
          }),
      ),
    );
    session.close();
    expect(codes).toEqual([200, 200, 200, 200]);
  });

  test('bytes that are no HTTP do not hurt', async () => {
    const { port, ca, send } = await start();
    await new Promise<void>((resolve) => {
      const socket = connectTls({ host: '127.0.0.1', port, ca }, () =>
        socket.write('\0\u0001rubbish\r\n\r\n'),
      );
      socket.on('error', () => {});
      socket.resume();
      socket.on('close', () => resolve());
    });
    expect((await send('GET', '/livez')).body.toString()).toBe('ok');
  });
});

describe('upgrades', () => {
  const upgrade = (port: number, ca: string, headers: Record<string, string>): Promise<string> =>
    new Promise((resolve, reject) => {
      const path = '/api/v1/namespaces/default/pods/p/exec?command=ls';
      const all = { authorization: 'Bearer admin', connection: 'Upgrade', ...headers };
      const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
      let text = '';
      const socket = connectTls({ host: '127.0.0.1', port, ca }, () =>
        socket.write(`GET ${path} HTTP/1.1\r\nhost: x\r\n${lines.join('')}\r\n`),
      );
      socket.on('data', (part) => {
        text += part;
      });
      socket.on('error', reject);
      socket.on('close', () => resolve(text));
    });

  const withPod = async () => {
    const seen: string[] = [];
    const started = await start({
      streams: {
        ...noBoards,
        tunnel: async ({ kind, node, query, headers }, socket) => {
          seen.push(`${kind} ${node} ${query} ${headers.some((h) => h.name === 'authorization')}`);
          socket.end('HTTP/1.1 101 Switching Protocols\r\n\r\nbytes');
        },
      },
    });
    const client = started.server.client({ name: 'test', groups: [] });
    const spec = { nodeName: 'pi', containers: [{ name: 'c', image: 'i' }] };
    await client.create(pods, { metadata: { name: 'p', namespace: 'default' }, spec } as Pod);
    return { ...started, seen };
  };

  test('SPDY goes to the node as it is, without the credentials', async () => {
    const { port, ca, seen } = await withPod();
    expect(await upgrade(port, ca, { upgrade: 'SPDY/3.1' })).toContain(
      '101 Switching Protocols\r\n\r\nbytes',
    );
    expect(seen).toEqual(['exec pi command=ls&container=c false']);
  });

  test('a WebSocket that runtimes do not speak is refused, so that the client falls back', async () => {
    const { port, ca, seen } = await withPod();
    const answer = await upgrade(port, ca, {
      upgrade: 'websocket',
      'sec-websocket-protocol': 'v5.channel.k8s.io',
    });
    expect(answer).toMatch(/^HTTP\/1.1 400 /);
    expect(await upgrade(port, ca, { upgrade: 'SPDY/3.1', authorization: 'Bearer x' })).toMatch(
      /^HTTP\/1.1 401 /,
    );
    expect(seen).toEqual([]);
  });
});

test('a call of a board passes the same way', async () => {
  const { server } = await start();
  const user = { name: 'system:node:pi', groups: ['system:nodes'] };
  const call = (method: string, path: string, text: string) =>
    server.dispatch({ method, path, contentType: 'application/json', body: Buffer.from(text), user });
  const made = await call('POST', CONFIG_MAPS, aMap('a'));
  expect([made.code, made.contentType]).toEqual([201, 'application/json']);
  const missing = await call('GET', `${CONFIG_MAPS}/b`, '');
  expect(JSON.parse(Buffer.from(missing.body).toString())).toMatchObject({ reason: 'NotFound' });
});
