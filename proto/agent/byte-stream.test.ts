import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { ChannelCredentials, Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { asBytes } from './byte-stream.ts';
import { type Chunk, LinkClient, LinkService } from './generated/link.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** Both ends of one Stream call over real gRPC. */
async function pair(): Promise<{ near: Duplex; far: Duplex }> {
  const server = new Server();
  const arrived = Promise.withResolvers<Duplex>();
  server.addService(LinkService, {
    join: () => {},
    session: () => {},
    stream: (call: ServerDuplexStream<Chunk, Chunk>) => arrived.resolve(asBytes(call)),
  });
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (err, bound) =>
      err ? reject(err) : resolve(bound),
    ),
  );
  const client = new LinkClient(`127.0.0.1:${port}`, ChannelCredentials.createInsecure());
  closers.push(
    () => client.close(),
    () => server.forceShutdown(),
  );
  return { near: asBytes(client.stream()), far: await arrived.promise };
}

describe('asBytes', () => {
  it('half-closes: an end one way leaves the other way open', async () => {
    const { near, far } = await pair();
    near.end('question');
    expect((await buffer(far)).toString()).toBe('question');
    far.end('answer');
    expect((await buffer(near)).toString()).toBe('answer');
  });

  it('carries megabytes unchanged under back-pressure, both ways at once', async () => {
    const { near, far } = await pair();
    const big = Buffer.alloc(5_000_000, 'coracle ');
    near.end(big);
    far.end(big);
    const [atFar, atNear] = await Promise.all([buffer(far), buffer(near)]);
    expect(atFar.equals(big)).toBe(true);
    expect(atNear.equals(big)).toBe(true);
  });

  it('tells the other side why it broke', async () => {
    const { near, far } = await pair();
    near.on('error', () => {});
    near.destroy(new Error('no such pod'));
    const [err] = await once(far, 'error');
    expect((err as Error).message).toContain('no such pod');
    expect(near.destroyed).toBe(true);
  });

  it('does not hang when the other side goes away', async () => {
    const { near, far } = await pair();
    far.on('error', () => {});
    const broke = once(near, 'error');
    far.destroy(new Error('gone'));
    await broke;
    expect(near.destroyed).toBe(true);
  });
});
