import { createServer, type Server as NetServer, type Socket } from 'node:net';
import { Server, ServerCredentials, status } from '@grpc/grpc-js';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { checkRequest, type Reading, readMore, START } from './grpc-answer.plan.ts';
import { GrpcHealth } from './grpc-health.ts';

const open: { close(): unknown }[] = [];
afterEach(() => {
  for (const one of open.splice(0)) one.close();
});

type Check = (
  call: { readonly request: Buffer },
  reply: (err: { code: number; details: string } | null, answer?: Buffer) => void,
) => void;

const same = (bytes: Buffer): Buffer => bytes;
const METHOD = {
  path: '/grpc.health.v1.Health/Check',
  requestStream: false,
  responseStream: false,
  ...{ requestSerialize: same, requestDeserialize: same, responseSerialize: same, responseDeserialize: same },
} as const;

/** A server of @grpc/grpc-js; the port. */
async function serve(check: Check | undefined, host = '127.0.0.1'): Promise<number> {
  const server = new Server();
  if (check) server.addService({ Check: METHOD }, { Check: check as never });
  open.push({ close: () => server.forceShutdown() });
  return new Promise((resolve, reject) =>
    server.bindAsync(`${host}:0`, ServerCredentials.createInsecure(), (err, port) =>
      err ? reject(err) : resolve(port),
    ),
  );
}

/** A server of bytes; the port, and how many connections it got. */
async function listen(onSocket: (socket: Socket) => void): Promise<{ port: number; count: () => number }> {
  let count = 0;
  const sockets = new Set<Socket>();
  const server: NetServer = createServer((socket) => {
    count++;
    sockets.add(socket.on('error', () => {}));
    onSocket(socket);
  });
  open.push(server, { close: () => sockets.forEach((socket) => void socket.destroy()) });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return { port: typeof address === 'object' ? (address?.port ?? 0) : 0, count: () => count };
}

const buffer = Buffer.allocUnsafeSlow(4096);
const ask = (port: number, { service = '', host = '127.0.0.1', timeoutMs = 20_000 } = {}) =>
  new GrpcHealth({ host, port, service, timeoutMs }, buffer).probe();

describe('GrpcHealth', () => {
  it.each<[string, number[], string, string]>([
    ['serves', [8, 1], 'success', 'service healthy'],
    ['does not', [8, 2], 'failure', 'service unhealthy (responded with "NOT_SERVING")'],
    ['says nothing', [], 'failure', 'service unhealthy (responded with "UNKNOWN")'],
    ['says no field that is known', [0x10, 1], 'failure', 'service unhealthy (responded with "UNKNOWN")'],
  ])('believes a server that %s', async (_, answer, type, message) => {
    const port = await serve((_call, reply) => reply(null, Buffer.from(answer)));
    expect(await ask(port)).toEqual({ type, message });
  });

  it('asks once for the service, whatever its name, with a plain answer', async () => {
    const asked: string[] = [];
    const port = await serve(({ request }, reply) => {
      asked.push(request.toString());
      reply(null, Buffer.from([8, 1]));
    });
    const names = ['', 'web', 'größe', 'x'.repeat(300), 'y'.repeat(20_000)];
    for (const service of names) expect((await ask(port, { service })).type).toBe('success');
    // After the field's number and its length.
    expect(asked.map((text) => text.replace(/^\n[^a-z]*/s, ''))).toEqual(names);
  });

  it('reaches IPv6', async () => {
    const port = await serve((_call, reply) => reply(null, Buffer.from([8, 1])), '[::1]');
    expect((await ask(port, { host: '::1' })).type).toBe('success');
  });

  it('has the words of a server that refuses', async () => {
    const port = await serve((_call, reply) => reply({ code: status.NOT_FOUND, details: 'no such service' }));
    expect(await ask(port)).toEqual({
      type: 'failure',
      message: 'error: health rpc probe failed: no such service',
    });
    expect((await ask(await serve(undefined))).message).toMatch(
      /^error: this server does not implement the grpc health protocol/,
    );
  });

  it('does not believe who speaks something else', async () => {
    const http1 = await listen((socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'));
    expect((await ask(http1.port)).type).toBe('failure');
    const hangsUp = await listen((socket) => socket.destroy());
    expect((await ask(hangsUp.port, { timeoutMs: 1000 })).type).toBe('failure');
  });

  it('gives up in time, and says how far it came', async () => {
    const silent = await listen(() => {});
    expect(await ask(silent.port, { timeoutMs: 50 })).toEqual({
      type: 'failure',
      message: `timeout: failed to connect service "127.0.0.1:${silent.port}" within 50ms: context deadline exceeded`,
    });
    const slow = await serve(() => {});
    const message = async () => (await ask(slow, { timeoutMs: 1000 })).message;
    await expect.poll(message, { timeout: 20_000 }).toBe('timeout: health rpc did not complete within 1s');
  });

  it('tells of a port where nobody is', async () => {
    expect((await ask(1)).message).toBe(
      'timeout: failed to connect service "127.0.0.1:1" within the timeout: dial tcp 127.0.0.1:1: connect: connection refused',
    );
  });
});

describe('an answer over HTTP/2', () => {
  const frame = (type: number, flags: number, payload: string, stream = 1): string =>
    `\0${String.fromCharCode(payload.length >> 8, payload.length & 255, type, flags)}\0\0\0${String.fromCharCode(stream)}${payload}`;
  const settings = frame(4, 0, '', 0);
  const head = frame(1, 4, '\x88');
  const data = (message: string, flags = 0): string =>
    frame(0, flags, `\0\0\0\0${String.fromCharCode(message.length)}${message}`);
  const trailers = (line: string): string => frame(1, 5, line);
  const OK = '\0\x0bgrpc-status\x010';
  const HUFFMAN = '\x40\x88\x9a\xca\xc8\xb2\x12\x34\xda\x8f\x81\x07';
  const read = (...pieces: string[]): Reading => pieces.reduce(readMore, START);
  const answered = (serving: number) => ({ at: 'answered', serving });
  const unclear = { at: 'unclear' };

  it.each<[string, string, object]>([
    ['is read', settings + head + data('\x08\x01') + trailers(OK), answered(1)],
    ['may be in code', head + data('\x08\x02') + trailers(HUFFMAN), answered(2)],
    ['may be of nothing', head + data('') + trailers(OK), answered(0)],
    [
      'may come in two',
      head + frame(0, 0, '\0\0\0\0\x02') + frame(0, 0, '\x08\x01') + trailers(OK),
      answered(1),
    ],
    [
      'passes what is between',
      head +
        frame(8, 0, '\0\0\0\x09', 0) +
        data('\x08\x01') +
        frame(200, 0, 'x') +
        trailers(`\0\x01a\x01b${OK}`),
      answered(1),
    ],
    ['needs a status', head + data('\x08\x01', 1), unclear],
    ['needs one that is good', head + data('\x08\x01') + trailers('\0\x0bgrpc-status\x015'), unclear],
    ['needs all of it', head + data('\x08\x01') + trailers('\0\x0bgrpc-status\x0210'), unclear],
    ['needs a message', trailers(`\x88${OK}`), unclear],
    ['needs no more than one', head + data('\x08\x01') + data('\x08\x01') + trailers(OK), unclear],
    ['needs a whole one', head + frame(0, 0, '\0\0\0\0\x03\x08\x01') + trailers(OK), unclear],
    [
      'needs one that is not compressed',
      head + frame(0, 0, '\x01\0\0\0\x02\x08\x01') + trailers(OK),
      unclear,
    ],
    ['has no padding', head + frame(0, 8, '\0\0\0\0\0\x02\x08\x01') + trailers(OK), unclear],
    ['has no field but one', head + data('\x08\x01\x10\x01') + trailers(OK), unclear],
    ['has no number beyond those', head + data('\x08\x81') + trailers(OK), unclear],
    ['is not taken back', head + frame(3, 0, '\0\0\0\x07') + data('\x08\x01') + trailers(OK), unclear],
    ['is not as large as that', '\0\x40\x01\0\0\0\0\0\x01', unclear],
    ['has an end', (head + data('x'.repeat(100))).repeat(200), unclear],
    ['is no HTTP/1', 'HTTP/1.1 200 OK\r\n\r\n', unclear],
  ])('%s', (_, bytes, result) => {
    expect(read(bytes)).toEqual(result);
  });

  it('is the same in whichever pieces it comes', () => {
    const whole = settings + head + data('\x08\x01') + trailers(OK);
    fc.assert(
      fc.property(fc.array(fc.nat(whole.length)), (cuts) => {
        const at = [0, ...cuts.sort((a, b) => a - b), whole.length];
        expect(read(...at.slice(1).map((end, i) => whole.slice(at[i], end)))).toEqual(answered(1));
      }),
      { seed: 20261129 },
    );
  });

  it('is garbage without harm', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const reading = read(Buffer.from(bytes).toString('latin1'));
        expect(reading.at).not.toBe('answered');
      }),
      { seed: 20261129 },
    );
  });

  it('is acknowledged as HTTP/2 wants it', () => {
    const ping = frame(6, 0, '12345678', 0);
    const replies = [settings, ping, frame(4, 1, '', 0), settings + ping].map((bytes) => {
      const reading = read(bytes);
      return reading.at === 'frames' && reading.reply;
    });
    const [ack, pong] = [frame(4, 1, '', 0), frame(6, 1, '12345678', 0)];
    expect(replies).toEqual([ack, pong, '', ack + pong]);
  });

  it('is asked for in one go', () => {
    const bytes = checkRequest('[fd00::7]:80', 3, 'kube-probe/1', '\n\x01a');
    expect(bytes.startsWith('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04')).toBe(true);
    expect(bytes).toContain('\x0c[fd00::7]:80');
    expect(bytes.endsWith('\x023S\0\0\x08\0\x01\0\0\0\x01\0\0\0\0\x03\n\x01a')).toBe(true);
  });
});
