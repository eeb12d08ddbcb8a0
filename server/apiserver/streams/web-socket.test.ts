import { Duplex, Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { frame, readOffer, sendOverWebSocket } from './web-socket.ts';

const handshake = {
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
};

/** A connection that keeps what is written to it. */
function aSocket() {
  const written: Buffer[] = [];
  const socket = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      written.push(chunk);
      done();
    },
  });
  return { socket, written: () => Buffer.concat(written) };
}

async function* lines(...texts: string[]) {
  for (const text of texts) yield Buffer.from(text);
}

describe('readOffer', () => {
  it.each([
    [undefined, ''],
    ['binary.k8s.io', 'binary.k8s.io'],
    ['v9.unknown, base64.binary.k8s.io', 'base64.binary.k8s.io'],
  ])('chooses from %s', (offered, protocol) => {
    const headers = { ...handshake, ...(offered ? { 'sec-websocket-protocol': offered } : {}) };
    expect(readOffer({ headers }).protocol).toBe(protocol);
  });

  it.each([
    ['another upgrade', { ...handshake, upgrade: 'SPDY/3.1' }],
    ['an old version', { ...handshake, 'sec-websocket-version': '8' }],
    ['a protocol of exec', { ...handshake, 'sec-websocket-protocol': 'v5.channel.k8s.io' }],
  ])('refuses %s', (_what, headers) => {
    expect(() => readOffer({ headers })).toThrow(expect.objectContaining({ code: 400 }));
  });
});

describe('sendOverWebSocket', () => {
  // The example of RFC 6455, section 1.3.
  const { key } = readOffer({ headers: handshake });

  it('accepts, sends each piece as a message, and says goodbye', async () => {
    const { socket, written } = aSocket();
    await sendOverWebSocket(socket, { key, protocol: 'binary.k8s.io' }, lines('one\n', 'two\n'));
    const [head = '', body = ''] = written().toString('latin1').split('\r\n\r\n');
    expect(head).toContain('sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
    expect(head).toContain('sec-websocket-protocol: binary.k8s.io');
    expect(body).toBe('\x82\x04one\n\x82\x04two\n\x88\x02\x03\xe8');
  });

  it('writes base64 as text where that is asked for', async () => {
    const { socket, written } = aSocket();
    await sendOverWebSocket(socket, { key, protocol: 'base64.binary.k8s.io' }, lines('one\n'));
    expect(written().toString('latin1')).toContain('\r\n\r\n\x81\x08b25lCg==\x88');
  });

  it('answers a ping, and ends when the client says goodbye', async () => {
    const { socket, written } = aSocket();
    const quiet = new Readable({ read() {} });
    quiet.push('one\n');
    const done = sendOverWebSocket(socket, { key, protocol: '' }, quiet);
    socket.push(Buffer.from([0x89, 0x82, 1, 2, 3, 4, 0x68 ^ 1, 0x69 ^ 2]));
    await new Promise(setImmediate);
    expect(written().toString('latin1')).toContain('\x8a\x02hi');
    socket.push(Buffer.from([0x88, 0x80, 0, 0, 0, 0]));
    await done;
    expect([socket.destroyed, quiet.destroyed]).toEqual([true, true]);
  });
});

it.each([
  [125, [0x82, 125]],
  [126, [0x82, 126, 0, 126]],
  [65_536, [0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]],
])('frame writes the length of %i bytes', (length, head) => {
  expect([...frame(2, new Uint8Array(length)).subarray(0, head.length)]).toEqual(head);
});
