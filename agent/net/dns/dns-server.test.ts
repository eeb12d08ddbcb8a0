import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { parseQuery, TYPE } from '#proto/dns/message.plan.ts';
import { createLogger, silent } from '#proto/meta/log.ts';
import { aService } from '../services/fixtures.ts';
import { DnsServer, type DnsServerOptions } from './dns-server.ts';
import { aQuery, told } from './fixtures.ts';
import { Responder } from './responder.ts';
import { Upstream } from './upstream.ts';
import { buildZone } from './zone.plan.ts';

const zone = buildZone({
  domain: 'cluster.local',
  services: [aService('web')],
  slices: [],
  ranges: [],
  complete: true,
});
let server: DnsServer;
const options = {
  address: '127.0.0.1',
  port: 0,
  responder: new Responder({
    zone: () => zone,
    upstream: { ask: async () => undefined, cameBack: () => false },
  }),
  log: silent,
};
/** On whichever port: one that is free for UDP may be somebody's for TCP. */
const listen = (more: Partial<DnsServerOptions> = {}): Promise<DnsServer> => {
  const again = () => DnsServer.listen({ ...options, ...more });
  return again().catch(again).catch(again);
};
beforeEach(async () => {
  server = await listen();
});
afterEach(() => server.close());

const overUdp = (bytes: Uint8Array): Promise<Uint8Array> =>
  new Promise((resolve) => {
    const socket = createSocket('udp4');
    socket.on('message', (answer) => {
      socket.close();
      resolve(answer);
    });
    socket.send(bytes, server.port, '127.0.0.1');
  });
const web = aQuery('web.default.svc.cluster.local', TYPE.A);

it('answers over UDP, also after what is no query', async () => {
  const socket = createSocket('udp4');
  for (const text of ['', 'x', 'GET / HTTP/1.1', '\u0000'.repeat(2000)])
    socket.send(text, server.port, '127.0.0.1');
  expect(told(await overUdp(web)).answers).toEqual(['A 10.43.0.20']);
  socket.close();
});

it('answers over TCP, however the bytes are cut, several in a row', async () => {
  const socket = connect(server.port, '127.0.0.1');
  const framed = Buffer.concat([Buffer.from([0, web.length]), web]);
  const heard: Buffer[] = [];
  socket.on('data', (chunk) => heard.push(chunk));
  socket.write(framed.subarray(0, 1));
  await sleep(20);
  socket.write(framed.subarray(1, 9));
  await sleep(20);
  socket.write(Buffer.concat([framed.subarray(9), framed]));
  await expect.poll(() => Buffer.concat(heard).length).toBeGreaterThan(2 * (web.length + 16));
  const all = Buffer.concat(heard);
  expect(told(all.subarray(2, 2 + all.readUInt16BE(0))).answers).toEqual(['A 10.43.0.20']);
  socket.destroy();
});

it('goes on after whatever comes over TCP, in whichever pieces', async () => {
  const framed = Buffer.concat([Buffer.from([0, web.length]), web]);
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    fc.nat(framed.length).map((length) => framed.subarray(0, length)),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 6 }), async (pieces) => {
      const socket = connect(server.port, '127.0.0.1');
      socket.on('error', () => {});
      for (const bytes of pieces) await new Promise((resolve) => socket.write(bytes, resolve));
      socket.destroy();
    }),
    { seed: 20_261_129, numRuns: 60 },
  );
  expect(told(await overUdp(web)).answers).toHaveLength(1);
});

it('hangs up on who announces too much', async () => {
  const socket = connect(server.port, '127.0.0.1');
  socket.write(Buffer.from([0xff, 0xff, 1]));
  await new Promise((resolve) => socket.on('close', resolve));
  expect(told(await overUdp(web)).answers).toHaveLength(1);
});

it('remembers what others said, asks the next one when one is silent, once for many', async () => {
  let queries = 0;
  const other = createSocket('udp4');
  other.on('message', (bytes, from) => {
    if (!bytes.includes('example')) return; // it asks for loops, too
    queries++;
    const answer = [0xc0, 12, 0, TYPE.A, 0, 1, 0, 0, 0, 20, 0, 4, 1, 2, 3, 4];
    const message = Buffer.from([...bytes, ...answer]);
    message.writeUInt16BE(0x8180, 2);
    message.writeUInt16BE(1, 6);
    other.send(message, from.port, from.address);
  });
  await new Promise<void>((resolve) => other.bind(0, '127.0.0.1', resolve));
  const { port } = other.address();
  let now = 0;
  // Nobody can listen at the first, and nobody does at the second.
  const servers = async () => ['[fe80::1%nowhere]:53', `127.0.0.2:${port}`, `127.0.0.1:${port}`];
  const upstream = new Upstream({ servers, now: () => now, log: silent });
  const query = parseQuery(aQuery('example.org', TYPE.A));
  if (!query) throw new Error('no query');
  const heard = await Promise.all([upstream.ask(query, false), upstream.ask(query, false)]);
  expect(heard.map((one) => one?.forwarded.records)).toEqual([
    [{ type: TYPE.A, ip: '1.2.3.4', name: 'example.org' }],
    [{ type: TYPE.A, ip: '1.2.3.4', name: 'example.org' }],
  ]);
  now = 15_000;
  expect((await upstream.ask(query, false))?.ageSeconds).toBe(15);
  expect(queries).toBe(1);
  now = 21_000;
  await upstream.ask(query, false);
  expect(queries).toBe(2);
  other.close();
});

it('asks a server that was silent after the others, and none that leads back to itself', async () => {
  const lines: string[] = [];
  const log = createLogger('warn', {}, (line) => lines.push(line));
  let asked = 0;
  // A forwarder whose own server is this one: it never answers before it has an answer from here.
  const loop = await listen({
    responder: {
      respond: (bytes) => {
        const query = parseQuery(bytes);
        if (query && !upstream.cameBack(query)) asked++;
        return undefined;
      },
    },
  });
  let now = 0;
  const servers = async () => [`127.0.0.1:${loop.port}`, `127.0.0.1:${server.port}`];
  // The one that answers does so in far less, whatever else the machine does.
  const upstream = new Upstream({ servers, now: () => now, timeoutMs: 1_000, log });
  const query = parseQuery(web);
  if (!query) throw new Error('no query');
  for (now = 0; now < 60_000; now += 6_000)
    expect((await upstream.ask(query, false))?.forwarded.records).toHaveLength(1);
  expect(asked).toBe(1);
  expect(lines.join()).toContain('leads back');
  loop.close();
});
