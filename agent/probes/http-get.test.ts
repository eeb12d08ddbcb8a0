import net, { type AddressInfo } from 'node:net';
import tls from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { createCa } from '#proto/pki/certificate.ts';
import { generateKey, keyToPem } from '#proto/pki/key.ts';
import { toPem } from '#proto/pki/pem.ts';
import { HttpGet, HttpShared } from './http-get.ts';
import { type HttpHeader, userAgent } from './http-request.ts';
import type { Outcome } from './probe.plan.ts';

const shared = new HttpShared();
const open: { close(): unknown }[] = [];
afterEach(() => {
  for (const server of open.splice(0)) server.close();
});

/** Listens, and does that with each connection as soon as the head of a request is there. */
async function listen(
  answer: (socket: net.Socket, request: string) => void,
  create: (connected: (socket: net.Socket) => void) => net.Server = net.createServer,
): Promise<number> {
  const server = create((socket) => {
    let text = '';
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      text += bytes.toString('latin1');
      if (text.includes('\r\n\r\n')) answer(socket, text);
    });
  });
  server.on('tlsClientError', () => {});
  open.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

const get = (
  port: number,
  path = '/',
  headers: readonly HttpHeader[] = [],
  scheme: 'HTTP' | 'HTTPS' = 'HTTP',
) => new HttpGet({ scheme, host: '127.0.0.1', port, path, headers, userAgent: userAgent('probe') }, shared);
const probe = (port: number, path?: string, headers?: readonly HttpHeader[]): Promise<Outcome> =>
  get(port, path, headers).probe(15_000);

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n';

describe('the request', () => {
  const lines = async (path: string, headers: readonly HttpHeader[]) => {
    let seen = '';
    const port = await listen((socket, request) => {
      seen = request.replaceAll(String(port), 'PORT');
      socket.end(OK);
    });
    expect(await probe(port, path, headers)).toEqual({ type: 'success', message: '' });
    return seen.split('\r\n').slice(0, -2);
  };
  it.each<[string, string, HttpHeader[], string[]]>([
    [
      'by default',
      '/healthz?full=1',
      [],
      [
        'GET /healthz?full=1 HTTP/1.1',
        'Host: 127.0.0.1:PORT',
        'Accept: */*',
        'User-Agent: kube-probe/1.36',
        'Connection: close',
      ],
    ],
    [
      'with what the person says',
      'ready',
      [
        { name: 'host', value: 'shop.example' },
        { name: 'user-agent', value: 'me' },
        { name: 'accept', value: 'text/plain' },
        { name: 'X-Two', value: 'a' },
        { name: 'X-Two', value: ' b ' },
        { name: 'Content-Length', value: '99' },
      ],
      [
        'GET /ready HTTP/1.1',
        'Host: shop.example',
        'user-agent: me',
        'accept: text/plain',
        'X-Two: a',
        'X-Two: b',
        'Connection: close',
      ],
    ],
    [
      'without what is emptied',
      '/a b',
      [
        { name: 'Accept', value: '' },
        { name: 'User-Agent', value: '' },
      ],
      ['GET /a%20b HTTP/1.1', 'Host: 127.0.0.1:PORT', 'Connection: close'],
    ],
  ])('%s', async (_name, path, headers, expected) => {
    expect(await lines(path, headers)).toEqual(expected);
  });

  it.each([
    ['a\r\nHost: b', 'net/http: invalid header field value for "X-Test"'],
    ['a\0', 'net/http: invalid header field value for "X-Test"'],
  ])('is not sent with a value of %j', async (value, why) => {
    const port = await listen((socket) => socket.end(OK));
    expect(await probe(port, '/', [{ name: 'X-Test', value }])).toEqual({
      type: 'failure',
      message: `Get "http://127.0.0.1:${port}/": ${why}`,
    });
  });
});

describe('the verdict', () => {
  it.each<[string, string, Outcome]>([
    ['299', 'HTTP/1.1 299 x\r\nContent-Length: 0\r\n\r\n', { type: 'success', message: '' }],
    [
      '500',
      'HTTP/1.1 500 x\r\nContent-Length: 0\r\n\r\n',
      { type: 'failure', message: 'HTTP probe failed with statuscode: 500' },
    ],
    [
      '199 and the end',
      'HTTP/1.1 199 x\r\n\r\n',
      { type: 'failure', message: 'Get "http://127.0.0.1:PORT/": EOF' },
    ],
    ['nothing', '', { type: 'failure', message: 'Get "http://127.0.0.1:PORT/": EOF' }],
    [
      '300',
      'HTTP/1.1 300 x\r\nContent-Length: 2\r\n\r\n\xc3\xbc',
      { type: 'warning', message: 'Probe terminated redirects, Response body: ü' },
    ],
    [
      '302 to nowhere',
      'HTTP/1.1 302 x\r\nContent-Length: 0\r\n\r\n',
      { type: 'warning', message: 'Probe terminated redirects, Response body: ' },
    ],
    [
      'half a body',
      'HTTP/1.1 200 x\r\nContent-Length: 2\r\n\r\n1',
      { type: 'error', message: 'unexpected EOF' },
    ],
    [
      'garbage',
      'hello\n',
      {
        type: 'failure',
        message:
          'Get "http://127.0.0.1:PORT/": net/http: HTTP/1.x transport connection broken: malformed HTTP response "hello"',
      },
    ],
  ])('on %s', async (_name, answer, expected) => {
    const port = await listen((socket) => socket.end(Buffer.from(answer, 'latin1')));
    const { type, message } = await probe(port);
    expect({ type, message: message.replaceAll(String(port), 'PORT') }).toEqual(expected);
  });

  it('on an answer in pieces, on a connection that stays open', async () => {
    const port = await listen(async (socket) => {
      for (const piece of [
        'HTT',
        'P/1.1 100 Continue\r\n\r',
        '\nHTTP/1.1 20',
        '0 OK\r\nContent-Length: 1\r\n\r\n',
        'x',
      ]) {
        socket.write(piece);
        await new Promise((resolve) => setImmediate(resolve));
      }
    });
    expect(await probe(port)).toEqual({ type: 'success', message: '' });
  });

  it('on a port where nobody listens', async () => {
    // Not one that was closed just now: it may be somebody else's by then.
    expect(await probe(1)).toEqual({
      type: 'failure',
      message: 'Get "http://127.0.0.1:1/": dial tcp 127.0.0.1:1: connect: connection refused',
    });
  });

  it('on a connection that is reset', async () => {
    const port = await listen((socket) => socket.resetAndDestroy());
    expect(await probe(port)).toEqual({
      type: 'failure',
      message: `Get "http://127.0.0.1:${port}/": read tcp 127.0.0.1:${port}: read: connection reset by peer`,
    });
  });

  it('when the time is up', async () => {
    const silent = await listen(() => {});
    expect(await get(silent).probe(20)).toEqual({
      type: 'failure',
      message: `Get "http://127.0.0.1:${silent}/": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`,
    });
    const slow = await listen((socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n'));
    // Long enough for the head to be there in any case.
    expect(await get(slow).probe(2_000)).toEqual({
      type: 'error',
      message: 'context deadline exceeded (Client.Timeout or context cancellation while reading body)',
    });
  });

  it('by TLS, whoever signed it', async () => {
    const key = generateKey();
    const day = 86_400_000;
    const ca = createCa({
      commonName: 'x',
      key,
      notBeforeMs: Date.now() - day,
      notAfterMs: Date.now() + day,
    });
    const pair = { key: keyToPem(key), cert: toPem('CERTIFICATE', ca) };
    const port = await listen(
      (socket) => socket.end(OK),
      (connected) => tls.createServer(pair, connected),
    );
    expect(await get(port, '/', [], 'HTTPS').probe(15_000)).toEqual({ type: 'success', message: '' });
    const plain = await listen((socket) => socket.end(OK));
    expect((await get(plain, '/', [], 'HTTPS').probe(300)).type).toBe('failure');
  });
});

describe('redirects', () => {
  const site = (pages: (path: string) => string) =>
    listen((socket, request) => {
      const to = pages(request.split(' ')[1] ?? '');
      if (!/^\d/.test(to)) socket.end(`HTTP/1.1 302 Found\r\nLocation: ${to}\r\nContent-Length: 1\r\n\r\nx`);
      else
        socket.end(
          `HTTP/1.1 ${to} x\r\nX-Host: ${request.includes('Host: shop')}\r\nContent-Length: 0\r\n\r\n`,
        );
    });

  it('are followed on the same host, with another port too', async () => {
    const asked: string[] = [];
    const other = await listen((socket, request) => {
      asked.push(request);
      socket.end('HTTP/1.1 503 x\r\nContent-Length: 0\r\n\r\n');
    });
    const port = await site((path) => (path === '/' ? '/b' : `http://127.0.0.1:${other}/c`));
    const outcome = await probe(port, '/', [{ name: 'Host', value: 'shop' }]);
    expect(outcome.message).toBe('HTTP probe failed with statuscode: 503');
    // The name that was asked for at first is not the other address's.
    expect(asked[0]).toContain(`Host: 127.0.0.1:${other}\r\n`);
    expect(asked[0]).toContain(`Referer: http://127.0.0.1:${port}/b\r\n`);
  });

  it('to other hosts are not, and somebody should know', async () => {
    const port = await site(() => 'http://192.0.2.1/');
    expect(await probe(port)).toEqual({
      type: 'warning',
      message: 'Probe terminated redirects, Response body: x',
    });
  });

  it('end somewhere', async () => {
    const port = await site(() => '/again');
    expect(await probe(port)).toEqual({
      type: 'failure',
      message: 'Get "/again": stopped after 10 redirects',
    });
  });

  it('to what is no address fail', async () => {
    const port = await site(() => 'http://[');
    expect((await probe(port)).message).toContain('failed to parse Location header "http://["');
    const ftp = await site(() => 'ftp://127.0.0.1/');
    expect((await probe(ftp)).message).toContain('unsupported protocol scheme "ftp"');
  });
});
