/**
 * A stream of bytes as the messages of a WebSocket (RFC 6455), for clients that can't read a body while it comes: browsers.
 * Protocols as upstream's `wsstream.Reader` has them. The client has nothing to say but goodbye.
 */
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { type Duplex, Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { badRequest } from '#proto/meta/status-error.ts';

/** RFC 6455, section 1.3. */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const [TEXT, BINARY, CLOSE, PONG] = [1, 2, 8, 10] as const;
const PING = 9;
/** 1000, normal closure. */
const GOODBYE = Uint8Array.of(0x03, 0xe8);

/** By name; a client may also ask for none. */
const PROTOCOLS: Readonly<Record<string, { readonly base64: boolean }>> = {
  '': { base64: false },
  'binary.k8s.io': { base64: false },
  'base64.binary.k8s.io': { base64: true },
};

export interface WebSocketOffer {
  readonly key: string;
  readonly protocol: string;
}

/** What a handshake asks for; throws a StatusError for one that can't be accepted. */
export function readOffer({ headers }: Pick<IncomingMessage, 'headers'>): WebSocketOffer {
  const key = headers['sec-websocket-key'];
  if (
    (headers.upgrade ?? '').toLowerCase() !== 'websocket' ||
    headers['sec-websocket-version'] !== '13' ||
    !key
  )
    throw badRequest('unable to upgrade: not a WebSocket handshake of version 13');
  const offered = (headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
  const protocol = offered.find((name) => Object.hasOwn(PROTOCOLS, name));
  if (protocol === undefined)
    throw badRequest(`unable to upgrade: unsupported WebSocket protocols ${offered.join(', ')}`);
  return { key, protocol };
}

/** Accepts the handshake and sends the bytes; resolves when both sides are done. A stream that fails ends the connection. */
export async function sendOverWebSocket(
  socket: Duplex,
  { key, protocol }: WebSocketOffer,
  chunks: AsyncIterable<Uint8Array>,
): Promise<void> {
  const accept = createHash('sha1').update(`${key}${GUID}`).digest('base64');
  const named = protocol === '' ? '' : `sec-websocket-protocol: ${protocol}\r\n`;
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: ${accept}\r\n${named}\r\n`,
  );
  socket.on('data', (bytes: Uint8Array) => {
    const code = (bytes[0] ?? 0) & 0x0f;
    if (code === CLOSE) socket.destroy();
    else if (code === PING && socket.writable) socket.write(frame(PONG, unmask(bytes)));
  });
  const base64 = PROTOCOLS[protocol]?.base64 ?? false;
  const source = chunks instanceof Readable ? chunks : Readable.from(chunks, { objectMode: false });
  const messages = new Transform({
    transform: (chunk: Buffer, _encoding, done) =>
      done(null, base64 ? frame(TEXT, Buffer.from(chunk.toString('base64'))) : frame(BINARY, chunk)),
    flush: (done) => done(null, frame(CLOSE, GOODBYE)),
  });
  await pipeline(source, messages, socket).catch(() => socket.destroy());
}

/** One whole message of a server: never masked. */
export function frame(code: number, payload: Uint8Array): Uint8Array {
  const { length } = payload;
  const head = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10);
  head[0] = 0x80 | code;
  if (length < 126) head[1] = length;
  else if (length < 65_536) {
    head[1] = 126;
    head.writeUInt16BE(length, 2);
  } else {
    head[1] = 127;
    head.writeBigUInt64BE(BigInt(length), 2);
  }
  return Buffer.concat([head, payload]);
}

/** What a ping carries: control frames have at most 125 bytes and come in one piece. */
function unmask(bytes: Uint8Array): Uint8Array {
  const length = (bytes[1] ?? 0) & 0x7f;
  return bytes.subarray(6, 6 + length).map((byte, index) => byte ^ (bytes[2 + (index % 4)] ?? 0));
}
