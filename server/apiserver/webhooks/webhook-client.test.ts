import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from 'vitest';
import { serviceUnavailable } from '#proto/meta/status-error.ts';
import { dialTcp } from '#proto/net/dial.ts';
import { selfSigned } from '#server/apiserver/testing/self-signed.ts';
import { WebhookClient, type WebhookClientConfig } from './webhook-client.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

const base64 = (pem: string): string => Buffer.from(pem).toString('base64');

async function aHook(
  handler: (request: IncomingMessage, response: ServerResponse) => void,
  names = ['127.0.0.1', 'hook.ns.svc'],
) {
  const { cert, key, ca } = selfSigned(names);
  let connections = 0;
  const server = createServer({ cert, key }, handler);
  server.on('secureConnection', () => connections++);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const asked: string[] = [];
  const client = new WebhookClient({
    toService: (namespace, name, at) => {
      asked.push(`${namespace}/${name}:${at}`);
      return dialTcp('127.0.0.1', port);
    },
    toAddress: ({ host, port: at }) => dialTcp(host, at),
  });
  closers.push(
    () => client.close(),
    () => server.close(),
    () => server.closeAllConnections(),
  );
  const call = (config: WebhookClientConfig, timeoutSeconds = 10, body: object = {}) =>
    client.call({ config: { caBundle: base64(ca), ...config }, timeoutSeconds, body });
  return { call, port, ca, asked, server, connections: () => connections };
}

/** A stream as the boards' link gives it: no socket, and TLS runs in JavaScript's hands. */
function asLink(socket: Socket): Duplex {
  const link: Duplex = new Duplex({
    read: () => void socket.resume(),
    write: (chunk, _encoding, done) => void socket.write(chunk, done),
    final: (done) => void socket.end(done),
    destroy(err, done) {
      socket.destroy();
      done(err);
    },
  });
  socket.on('data', (chunk) => void (link.push(chunk) || socket.pause()));
  socket.on('end', () => link.push(null));
  return link;
}

const answers =
  (value: unknown, code = 200) =>
  (_request: IncomingMessage, response: ServerResponse): void => {
    response.writeHead(code, { 'content-type': 'application/json' });
    response.end(JSON.stringify(value));
  };

const service = { namespace: 'ns', name: 'hook', path: '/review' };

describe('WebhookClient', () => {
  it('posts JSON to a Service by its name, over one connection that is kept', async () => {
    const hook = await aHook(async (request, response) => {
      const body = await text(request);
      const { host } = request.headers;
      response.end(JSON.stringify({ method: request.method, url: request.url, host, body }));
    });
    for (const body of [{ a: 1 }, { a: 2 }]) {
      expect(await hook.call({ service }, 7, body)).toEqual({
        method: 'POST',
        url: '/review?timeout=7s',
        host: 'hook.ns.svc:443',
        body: JSON.stringify(body),
      });
    }
    expect(hook.asked).toEqual(['ns/hook:443']);
    expect(hook.connections()).toBe(1);
  });

  it('calls again where the other side closes a kept connection', async () => {
    let served = 0;
    const hook = await aHook((request, response) => {
      served++;
      if (served === 2) request.socket.destroy();
      else answers({ served })(request, response);
    });
    await hook.call({ service });
    expect(await hook.call({ service })).toEqual({ served: 3 });
  });

  it('outlives links that break: under a call, and under a connection that is kept', async () => {
    const links: Duplex[] = [];
    const hook = await aHook((request, response) => {
      if (request.url?.startsWith('/review')) answers({ ok: true })(request, response);
      else links.at(-1)?.destroy(new Error('the link broke'));
    });
    const client = new WebhookClient({
      toService: async () => {
        const link = asLink(await dialTcp('127.0.0.1', hook.port));
        links.push(link);
        return link;
      },
      toAddress: () => Promise.reject(new Error('there is none')),
    });
    closers.push(() => client.close());
    const call = (path: string) => {
      const config = { caBundle: base64(hook.ca), service: { ...service, path } };
      return client.call({ config, timeoutSeconds: 10, body: {} });
    };
    expect(await call('/review')).toEqual({ ok: true });
    links[0]?.destroy(new Error('the link broke'));
    expect(await call('/review')).toEqual({ ok: true });
    await expect(call('/break')).rejects.toThrow(/^Post "https:/);
    expect(await call('/review')).toEqual({ ok: true });
  });

  it('calls a URL', async () => {
    const hook = await aHook((request, response) => response.end(JSON.stringify({ url: request.url })));
    const url = `https://127.0.0.1:${hook.port}/x`;
    expect(await hook.call({ url })).toEqual({ url: '/x?timeout=10s' });
  });

  it.each<[string, Parameters<typeof aHook>[0], Partial<WebhookClientConfig>, string[] | undefined, string]>([
    [
      'an unknown CA',
      answers({}),
      { caBundle: base64(selfSigned().ca) },
      undefined,
      'Post "https://hook.ns.svc:443/review?timeout=10s": tls: failed to verify certificate: x509: certificate signed by unknown authority',
    ],
    [
      'another name',
      answers({}),
      {},
      ['other.ns.svc', '10.0.0.1'],
      'Post "https://hook.ns.svc:443/review?timeout=10s": tls: failed to verify certificate: x509: certificate is valid for other.ns.svc, 10.0.0.1, not hook.ns.svc',
    ],
    ['404', answers({}, 404), {}, undefined, 'the server could not find the requested resource'],
    [
      '500 with text',
      (_request, response) => response.writeHead(500).end('oh no\n'),
      {},
      undefined,
      'an error on the server ("oh no") has prevented the request from succeeding',
    ],
    [
      'a Status',
      answers({ kind: 'Status', status: 'Failure', message: 'not today', code: 500 }, 500),
      {},
      undefined,
      'not today',
    ],
    [
      'no answer',
      (request) => request.socket.destroy(),
      {},
      undefined,
      'Post "https://hook.ns.svc:443/review?timeout=10s": EOF',
    ],
  ])('says what is wrong: %s', async (_what, handler, config, names, message) => {
    const hook = await aHook(handler, names);
    await expect(hook.call({ service, ...config })).rejects.toThrow(message);
  });

  it('gives up after its timeout', async () => {
    const hook = await aHook(() => {});
    await expect(hook.call({ service }, 0.05)).rejects.toThrow(
      'Post "https://hook.ns.svc:443/review?timeout=0.05s": context deadline exceeded',
    );
  });

  it('says why there is no connection', async () => {
    const client = new WebhookClient({
      toService: async () => {
        throw serviceUnavailable('no endpoints available for service "hook"');
      },
      toAddress: ({ host, port }) => dialTcp(host, port),
    });
    const call = (config: WebhookClientConfig) => client.call({ config, timeoutSeconds: 10, body: {} });
    await expect(call({ service })).rejects.toThrow(
      'Post "https://hook.ns.svc:443/review?timeout=10s": no endpoints available for service "hook"',
    );
    await expect(call({ url: 'https://127.0.0.1:1/' })).rejects.toThrow(
      'Post "https://127.0.0.1:1/?timeout=10s": dial tcp 127.0.0.1:1: connect: connection refused',
    );
    await expect(call({})).rejects.toThrow('webhook configuration must have either service or URL');
  });
});
