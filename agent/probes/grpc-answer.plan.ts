/**
 * The answer to one `grpc.health.v1.Health/Check` over HTTP/2, read piece by piece as bytes come in (each a character of a
 * latin1 string), as long as it is a plain one:
 *
 *   frames ──trailers that say 0, after one whole message──> answered
 *     └──────anything else that ends it────────────────────> unclear
 *
 * Unclear is no verdict: somebody who knows all of HTTP/2 is to ask again. Rules: RFC 9113, RFC 7541, gRPC over HTTP/2.
 */
export type Reading =
  /** `rest`: a frame that is not complete. `message`: of the answer so far. `reply`: to be sent now. */
  | { readonly at: 'frames'; readonly rest: string; readonly message: string; readonly reply: string }
  /** With a number of `HealthCheckResponse.ServingStatus`. */
  | { readonly at: 'answered'; readonly serving: number }
  | { readonly at: 'unclear' };

export const START: Reading = { at: 'frames', rest: '', message: '', reply: '' };

const UNCLEAR: Reading = { at: 'unclear' };
/** That we let others send: HTTP/2's least. */
const MAX_FRAME = 16_384;
/** Size, type, flags and stream. */
const HEAD = 9;

const TYPE = { data: 0, headers: 1, rstStream: 3, settings: 4, ping: 6 } as const;
const FLAG = { endStream: 1, ack: 1, endHeaders: 4, padded: 8 } as const;

/** What is known after some more bytes. */
export function readMore(reading: Reading, bytes: string): Reading {
  if (reading.at !== 'frames') return reading;
  const heard = reading.rest + bytes;
  let { message } = reading;
  let reply = '';
  let at = 0;
  while (heard.length - at >= HEAD) {
    const size = number(heard, at, 3);
    const end = at + HEAD + size;
    if (size > MAX_FRAME) return UNCLEAR;
    if (heard.length < end) break;
    const flags = heard.charCodeAt(at + 4);
    const payload = heard.slice(at + HEAD, end);
    switch (heard.charCodeAt(at + 3)) {
      case TYPE.data:
        if (flags & (FLAG.padded | FLAG.endStream)) return UNCLEAR;
        message += payload;
        if (message.length > MAX_FRAME) return UNCLEAR;
        break;
      case TYPE.headers:
        if (flags & FLAG.endStream) return answered(payload, message);
        break;
      case TYPE.settings:
        if (!(flags & FLAG.ack)) reply += frame(TYPE.settings, FLAG.ack, 0, '');
        break;
      case TYPE.ping:
        if (!(flags & FLAG.ack)) reply += frame(TYPE.ping, FLAG.ack, 0, payload);
        break;
      case TYPE.rstStream:
        return UNCLEAR;
    }
    at = end;
  }
  return { at: 'frames', rest: heard.slice(at), message, reply };
}

/**
 * `grpc-status: 0` in trailers, as itself or in HPACK's code. Nothing but such a line holds these bytes: control characters are
 * in no header, and what they are in the code is no text that anybody sends. A header that is told for the first time on its
 * connection is always written out.
 */
const OK = ['\x0bgrpc-status', '\x88\x9a\xca\xc8\xb2\x12\x34\xda\x8f'].flatMap((name) => [
  `${name}\x010`,
  `${name}\x81\x07`,
]);

function answered(trailers: string, message: string): Reading {
  if (!OK.some((line) => trailers.includes(line))) return UNCLEAR;
  const size = number(message, 1, 4);
  // Not compressed, and the only one.
  if (message.charCodeAt(0) !== 0 || message.length !== 5 + size) return UNCLEAR;
  if (size === 0) return { at: 'answered', serving: 0 };
  const serving = message.charCodeAt(6);
  return size === 2 && message[5] === '\x08' && serving < 0x80 ? { at: 'answered', serving } : UNCLEAR;
}

/** All that the client says, as bytes of a latin1 string. `message` is the request: at most {@link MAX_FRAME} - 5 bytes. */
export function checkRequest(
  authority: string,
  timeoutSeconds: number,
  userAgent: string,
  message: string,
): string {
  const headers = [
    // Of HPACK's static table: POST, http, and the names of what follows.
    '\x83\x86',
    `\x04${text('/grpc.health.v1.Health/Check')}`,
    `\x01${text(authority)}`,
    `\x0f\x10${text('application/grpc')}`,
    `\x0f\x2b${text(userAgent)}`,
    `\x00${text('te')}${text('trailers')}`,
    `\x00${text('grpc-timeout')}${text(`${timeoutSeconds}S`)}`,
  ].join('');
  return [
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    frame(TYPE.settings, 0, 0, ''),
    frame(TYPE.headers, FLAG.endHeaders, 1, headers),
    frame(TYPE.data, FLAG.endStream, 1, `\0${bytesOf(message.length, 4)}${message}`),
  ].join('');
}

/** Up to 126 characters. */
const text = (value: string): string => String.fromCharCode(value.length) + value;

const frame = (type: number, flags: number, stream: number, payload: string): string =>
  bytesOf(payload.length, 3) + String.fromCharCode(type, flags) + bytesOf(stream, 4) + payload;

const bytesOf = (value: number, count: number): string =>
  Array.from({ length: count }, (_, i) => String.fromCharCode((value >>> (8 * (count - 1 - i))) & 255)).join(
    '',
  );

function number(bytes: string, at: number, count: number): number {
  let value = 0;
  for (let i = 0; i < count; i++) value = value * 256 + bytes.charCodeAt(at + i);
  return value;
}
