import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { createServer as createHttpsServer, request as httpsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { nodes } from '#proto/api/core/nodes.ts';
import { pods } from '#proto/api/core/pods.ts';
import { services } from '#proto/api/core/services.ts';
import { endpointslices } from '#proto/api/discovery/endpointslices.ts';
import type { Resource } from '#proto/api/resource.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import { dialTcp } from '#proto/net/dial.ts';
import type { AdmissionAttributes } from '#server/apiserver/admission/admission.ts';
import type { AuthorizationRequest } from '#server/apiserver/authz/authorizer.ts';
import { noBoards } from '#server/apiserver/testing/no-boards.ts';
import { selfSigned } from '#server/apiserver/testing/self-signed.ts';
import { startTestServer } from '#server/apiserver/testing/test-server.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

const echo: Handler = async (request, response) => {
  const { method, url, headers } = request;
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ method, url, headers, body: await text(request) }));
};

/** A Pod at 10.42.0.7 on node `pi`, behind Service `web`, whose every port is the backend here. */
async function cluster(handler: Handler = echo) {
  const { cert, key } = selfSigned();
  const backends = [createServer(handler), createHttpsServer({ cert, key }, handler)];
  const [plain, tls] = await Promise.all(
    backends.map(async (backend) => {
      backend.listen(0, '127.0.0.1');
      await once(backend, 'listening');
      closers.push(
        () => backend.close(),
        () => backend.closeAllConnections(),
      );
      return (backend.address() as AddressInfo).port;
    }),
  );
  const dialled: string[] = [];
  const asked: AuthorizationRequest[] = [];
  const admitted: AdmissionAttributes[] = [];
  const { server, port, ca } = await startTestServer({
    streams: {
      ...noBoards,
      dial: (node, address) => {
        dialled.push(`${node} ${address.host}:${address.port}`);
        if (address.port === 1)
          return Promise.reject(new Error('dial tcp 10.42.0.7:1: connect: connection refused'));
        return dialTcp('127.0.0.1', (String(address.port).includes('443') ? tls : plain) ?? 0);
      },
      dialAgent: (node) => {
        dialled.push(`${node} agent`);
        return dialTcp('127.0.0.1', plain ?? 0);
      },
    },
    authorizer: {
      authorize: (attributes) => {
        asked.push(attributes);
        return { allowed: true };
      },
    },
    admission: [{ name: 'note', admit: (attributes) => void admitted.push(attributes) }],
  });
  closers.push(() => server.close());
  const client = server.client({ name: 'test', groups: ['system:masters'] });
  const put = (resource: Resource, object: object) => client.create(resource, object as KubeObject);
  const pod = await put(pods, {
    metadata: { name: 'p', namespace: 'default' },
    spec: { nodeName: 'pi', containers: [{ name: 'c', image: 'i', ports: [{ containerPort: 8080 }] }] },
  });
  const status = { podIP: '10.42.0.7', podIPs: [{ ip: '10.42.0.7' }] };
  await client.update(pods, { ...pod, status } as never, { subresource: 'status' });
  await put(pods, {
    metadata: { name: 'waits', namespace: 'default' },
    spec: { containers: [{ name: 'c', image: 'i' }] },
  });
  const node = await put(nodes, { metadata: { name: 'pi' } });
  const addresses = [{ type: 'InternalIP', address: '192.0.2.7' }];
  await client.update(nodes, { ...node, status: { addresses } } as never, { subresource: 'status' });
  const ports = [
    { name: 'http', port: 80 },
    { name: 'https', port: 443 },
  ];
  await put(services, { metadata: { name: 'web', namespace: 'default' }, spec: { ports } });
  await put(endpointslices, {
    metadata: { name: 'web-1', namespace: 'default', labels: { 'kubernetes.io/service-name': 'web' } },
    addressType: 'IPv4',
    ports: [
      { name: 'http', port: 8080 },
      { name: 'https', port: 8443 },
    ],
    endpoints: [
      { addresses: ['127.0.0.1'], conditions: { ready: true } },
      { addresses: ['10.42.0.9'], targetRef: { kind: 'Pod', name: 'p' } },
      { addresses: ['10.42.0.7'], targetRef: { kind: 'Pod', name: 'p' } },
    ],
  });
  const call = async (path: string, options: { method?: string; headers?: object; body?: string } = {}) => {
    const { method = 'GET', headers = {}, body } = options;
    const request = httpsRequest({
      host: '127.0.0.1',
      port,
      path,
      method,
      ca,
      agent: false,
      headers: { authorization: 'Bearer admin', ...headers },
    });
    request.end(body);
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    return { code: response.statusCode, headers: response.headers, body: await text(response) };
  };
  return { call, port, ca, dialled, asked, admitted };
}

const POD = '/api/v1/namespaces/default/pods/p';
const SERVICE = '/api/v1/namespaces/default/services';

describe('proxy subresources', () => {
  it('send on methods, paths, queries, bodies and headers', async () => {
    const { call, port, asked, admitted } = await cluster();
    const verbs: string[] = [];
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'GET', 'OPTIONS']) {
      const { body } = await call(`${POD}/proxy/a%20b/c?dryRun=All&x=%2F`, {
        method,
        body: method === 'GET' ? undefined : 'data',
        headers: {
          accept: 'text/html',
          'x-mine': '1',
          'content-type': 'text/x',
          'content-length': method === 'GET' ? 0 : 4,
        },
      } as never);
      expect(JSON.parse(body)).toMatchObject({
        method,
        url: '/a%20b/c?dryRun=All&x=%2F',
        body: method === 'GET' ? '' : 'data',
        headers: {
          accept: 'text/html',
          'x-mine': '1',
          'content-type': 'text/x',
          host: `127.0.0.1:${port}`,
          'x-forwarded-for': '127.0.0.1',
          'x-forwarded-uri': `${POD}/proxy/a%20b/c`,
        },
      });
      expect(JSON.parse(body).headers).not.toHaveProperty('authorization');
      verbs.push((asked.at(-1) as { verb: string }).verb);
    }
    expect(verbs).toEqual(['create', 'update', 'patch', 'delete', 'get', '']);
    expect(admitted.at(-1)).toMatchObject({
      operation: 'CONNECT',
      subresource: 'proxy',
      kind: { kind: 'PodProxyOptions' },
      object: { kind: 'PodProxyOptions', path: '/a b/c' },
    });
    const head = await call(`${POD}/proxy/`, { method: 'HEAD' });
    expect([head.code, head.body, head.headers['content-type']]).toEqual([200, '', 'application/json']);
  });

  it.each<[string, string]>([
    [`${POD}/proxy/`, 'pi 10.42.0.7:8080'],
    [`${POD}:81/proxy/`, 'pi 10.42.0.7:81'],
    ['/api/v1/namespaces/default/pods/https:p:443/proxy/', 'pi 10.42.0.7:443'],
    ['/api/v1/namespaces/default/pods/https:p:8443/proxy/', 'pi 10.42.0.7:8443'],
    [`${SERVICE}/web:http/proxy/`, 'pi 10.42.0.7:8080'],
    [`${SERVICE}/web:80/proxy/`, 'pi 10.42.0.7:8080'],
    [`${SERVICE}/http:web:80/proxy/`, 'pi 10.42.0.7:8080'],
    [`${SERVICE}/https:web:https/proxy/`, 'pi 10.42.0.7:8443'],
    ['/api/v1/nodes/pi/proxy/', 'pi agent'],
    ['/api/v1/nodes/https:pi:10250/proxy/', 'pi agent'],
    ['/api/v1/nodes/pi:9100/proxy/', 'pi 192.0.2.7:9100'],
  ])('%s goes to %s', async (path, expected) => {
    const { call, dialled } = await cluster();
    expect((await call(path)).code).toBe(200);
    expect(dialled).toEqual([expected]);
  });

  it.each<[string, number, string]>([
    [`${SERVICE}/other:80/proxy/`, 404, 'services "other" not found'],
    [`${SERVICE}/web:81/proxy/`, 503, 'no service port 81 found for service "web"'],
    [`${SERVICE}/web/proxy/`, 503, 'no endpoints available for service "web"'],
    [`${SERVICE}/ftp:web:80/proxy/`, 400, 'invalid service request "ftp:web:80"'],
    ['/api/v1/namespaces/default/pods/a:b:c:d/proxy/', 400, 'invalid pod request "a:b:c:d"'],
    ['/api/v1/namespaces/default/pods/waits/proxy/', 400, 'address not allowed'],
    [
      `${POD}:1/proxy/`,
      503,
      'error trying to reach service: dial tcp 10.42.0.7:1: connect: connection refused',
    ],
  ])('%s answers %i', async (path, code, message) => {
    const { call } = await cluster();
    const answer = await call(path);
    expect(answer.code).toBe(code);
    expect(JSON.parse(answer.body)).toMatchObject({ kind: 'Status', code, message });
  });

  it('redirect to the root, and lead redirects and links of the backend back here', async () => {
    const page = '<a href="/rewriteme">test</a>';
    const { call } = await cluster((request, response) => {
      if (request.url === '/moved')
        response.writeHead(302, { location: 'http://10.42.0.7:8080/there?a=b' }).end();
      else if (request.url === '/gzip')
        response
          .writeHead(200, { 'content-type': 'text/html', 'content-encoding': 'gzip' })
          .end(gzipSync(page));
      else
        response
          .writeHead(203, { 'content-type': 'text/html; charset=utf-8', 'set-cookie': ['a=b', 'c=d'] })
          .end(page);
    });
    expect(await call(`${POD}/proxy?a=b`)).toMatchObject({
      code: 301,
      headers: { location: `${POD}/proxy/?a=b` },
    });
    expect((await call(`${POD}/proxy/moved`)).headers.location).toBe(`${POD}/proxy/there?a=b`);
    expect(await call(`${POD}/proxy/`)).toMatchObject({
      code: 203,
      body: `<a href="${POD}/proxy/rewriteme">test</a>`,
      headers: { 'set-cookie': ['a=b', 'c=d'] },
    });
    const { port, ca } = await cluster((_request, response) =>
      response
        .writeHead(200, { 'content-type': 'text/html', 'content-encoding': 'gzip' })
        .end(gzipSync(page)),
    );
    const session = connectHttp2(`https://127.0.0.1:${port}`, { ca });
    closers.push(() => session.destroy());
    const stream = session.request({ ':path': `${POD}/proxy/gzip`, authorization: 'Bearer admin' });
    const parts: Buffer[] = [];
    for await (const part of stream) parts.push(part as Buffer);
    expect(gunzipSync(Buffer.concat(parts)).toString()).toBe(`<a href="${POD}/proxy/rewriteme">test</a>`);
  });

  it('stream both ways, and end with their client', async () => {
    const ended = Promise.withResolvers<void>();
    const { port, ca } = await cluster((request, response) => {
      response.writeHead(200);
      request.on('data', (chunk: Buffer) => response.write(`<${chunk}>`));
      request.on('error', () => {});
      response.on('close', () => ended.resolve());
    });
    const request = httpsRequest({
      ...{ host: '127.0.0.1', port, ca, agent: false, method: 'POST', path: `${POD}/proxy/` },
      headers: { authorization: 'Bearer admin' },
    });
    request.write('one');
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    expect(String((await once(response, 'data'))[0])).toBe('<one>');
    request.write('two');
    expect(String((await once(response, 'data'))[0])).toBe('<two>');
    request.on('error', () => {});
    request.destroy();
    await ended.promise;
  });
});

describe('upgrades of proxied requests', () => {
  const upgrade = (port: number, ca: string, path: string): TLSSocket => {
    const socket = connectTls({ host: '127.0.0.1', port, ca });
    closers.push(() => socket.destroy());
    const headers = ['host: x', 'authorization: Bearer admin', 'connection: Upgrade', 'upgrade: echo'];
    socket.write(`GET ${path} HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n`);
    return socket;
  };
  const next = async (socket: TLSSocket): Promise<string> => String((await once(socket, 'data'))[0]);

  it('join the connections where the backend agrees', async () => {
    const backend = createServer().on('upgrade', (request, socket) => {
      const headers = ['connection: Upgrade', `upgrade: ${request.headers.upgrade}`, `x-uri: ${request.url}`];
      socket.write(`HTTP/1.1 101 Switching Protocols\r\n${headers.join('\r\n')}\r\n\r\n`);
      socket.pipe(socket);
    });
    backend.listen(0, '127.0.0.1');
    await once(backend, 'listening');
    closers.push(() => backend.close());
    const at = (backend.address() as AddressInfo).port;
    const streams = { ...noBoards, dialAgent: () => dialTcp('127.0.0.1', at) };
    const { server, port, ca } = await startTestServer({ streams });
    closers.push(() => server.close());
    const node = { metadata: { name: 'pi' } } as KubeObject;
    await server.client({ name: 'test', groups: [] }).create(nodes, node);
    const socket = upgrade(port, ca, '/api/v1/nodes/pi/proxy/ws?a=b');
    const answer = await next(socket);
    expect(answer).toMatch(/^HTTP\/1\.1 101 Switching Protocols\r\n/);
    expect(answer).toContain('x-uri: /ws?a=b\r\n');
    socket.write('hello');
    expect(await next(socket)).toBe('hello');
  });

  it.each<[number, RegExp]>([
    [403, /^HTTP\/1\.1 403 Forbidden\r\n.*connection: close\r\n\r\nno$/s],
    [200, /^HTTP\/1\.1 500 Internal Server Error\r\n.*invalid upgrade response: status code 200/s],
  ])('end with an answer of %i', async (code, expected) => {
    const { port, ca } = await cluster((_request, response) =>
      response.writeHead(code, { 'content-length': 2 }).end('no'),
    );
    expect(await text(upgrade(port, ca, `${POD}/proxy/ws`))).toMatch(expected);
  });
});
