import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import type { Duplex } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { ChannelCredentials, Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { asBytes } from '#proto/agent/byte-stream.ts';
import { type Chunk, LinkClient, LinkService } from '#proto/agent/generated/link.ts';
import { silent } from '#proto/meta/log.ts';
import { serveDial } from './dial.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** What the server at the other end of the link sees of one dial. */
async function dialled(port: number): Promise<{ first: Chunk; bytes: Duplex }> {
  const server = new Server();
  const arrived = Promise.withResolvers<{ first: Chunk; bytes: Duplex }>();
  server.addService(LinkService, {
    join: () => {},
    session: () => {},
    stream: (call: ServerDuplexStream<Chunk, Chunk>) =>
      call.once('data', (first: Chunk) => arrived.resolve({ first, bytes: asBytes(call) })),
  });
  const bound = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (err, at) =>
      err ? reject(err) : resolve(at),
    ),
  );
  const client = new LinkClient(`127.0.0.1:${bound}`, ChannelCredentials.createInsecure());
  closers.push(
    () => client.close(),
    () => server.forceShutdown(),
  );
  const request = { kind: 'tcp', query: `host=127.0.0.1&port=${port}`, streamId: 7 };
  const rest = { namespace: '', pod: '', uid: '', container: '', method: '', headers: [] };
  void serveDial({ ...rest, ...request }, client, silent);
  return arrived.promise;
}

describe('serveDial', () => {
  it('joins the stream to what listens there, with half-close', async () => {
    const echo = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket)).listen(
      0,
      '127.0.0.1',
    );
    closers.push(() => echo.close());
    await once(echo, 'listening');
    const { first, bytes } = await dialled((echo.address() as AddressInfo).port);
    expect(first).toMatchObject({ streamId: 7, error: '' });
    bytes.end('there and back');
    expect((await buffer(bytes)).toString()).toBe('there and back');
  });

  it('says why there is no connection', async () => {
    const { first } = await dialled(1);
    expect(first).toMatchObject({
      streamId: 7,
      end: true,
      error: 'dial tcp 127.0.0.1:1: connect: connection refused',
    });
  });
});
