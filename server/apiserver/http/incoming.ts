import type { IncomingMessage } from 'node:http';
import type { ServerHttp2Stream } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import { MAX_BODY_BYTES } from '#proto/meta/decode/decode-object.ts';
import { StatusError } from '#proto/meta/status-error.ts';
import type { AuditTrail } from '#server/apiserver/audit/audit-trail.ts';
import type { Arrival } from '#server/apiserver/audit/auditor.ts';
import type { UserInfo } from '#server/apiserver/authn/authenticator.ts';
import type { ApiRequest, Wire } from '#server/apiserver/http/exchange.ts';

/** HTTP/1 and HTTP/2 requests, as far as they are the same. */
export type Incoming = Pick<IncomingMessage, 'method' | 'url' | 'headers' | 'rawHeaders' | 'socket'> &
  AsyncIterable<Uint8Array> & {
    /** Of HTTP/2 alone. */
    readonly stream?: Pick<ServerHttp2Stream, 'once' | 'off' | 'endAfterHeaders' | 'session'>;
  };

const EMPTY = new Uint8Array();
const MAX_DISCARDED_BYTES = 16 * 1024 * 1024;

const BULK_WINDOW_BYTES = 512 * 1024;

/** The path of a request, decoded; 400 for one that can't be. */
export function splitUrl(url: string | undefined): { path: string; query: URLSearchParams } {
  const text = url ?? '/';
  const at = text.indexOf('?');
  const raw = at < 0 ? text : text.slice(0, at);
  try {
    return { path: decodeURIComponent(raw), query: new URLSearchParams(at < 0 ? '' : text.slice(at + 1)) };
  } catch (cause) {
    throw new StatusError('BadRequest', `invalid path ${JSON.stringify(raw)}`, { cause });
  }
}

export function apiRequestOf(incoming: Incoming, user: UserInfo, trail?: AuditTrail): ApiRequest {
  const { path, query } = splitUrl(incoming.url);
  let body: Promise<Uint8Array> | undefined;
  return {
    method: incoming.method ?? 'GET',
    path,
    query,
    user,
    trail,
    header: (name) => headerOf(incoming, name),
    body: () => (body ??= readBody(incoming)),
    get wire() {
      return wireOf(incoming);
    },
  };
}

/** The request as the audit log writes it. */
export const arrivalOf = (incoming: Incoming): Arrival => ({
  method: incoming.method ?? 'GET',
  url: incoming.url ?? '/',
  header: (name) => headerOf(incoming, name),
  get remoteAddress() {
    return incoming.socket.remoteAddress ?? '';
  },
});

function wireOf(incoming: Incoming): Wire {
  const url = incoming.url ?? '';
  const at = url.indexOf('?');
  const { 'content-length': length, 'transfer-encoding': encoding } = incoming.headers;
  // HTTP/2 has neither: a stream that is not over with its headers has a body.
  const hasBody = incoming.stream
    ? !incoming.stream.endAfterHeaders
    : length !== undefined || encoding !== undefined;
  const connection = incoming.stream ?? incoming.socket;
  return {
    headers: incoming.headers,
    search: at < 0 ? '' : url.slice(at),
    remoteAddress: incoming.socket.remoteAddress ?? '',
    body: hasBody ? inBulk(incoming) : undefined,
    onGone(listener) {
      connection.once('close', listener);
      return () => connection.off('close', listener);
    },
  };
}

/**
 * What is sent on may be large, and the way long. A client of HTTP/2 that is let in to do so need not wait for an answer after
 * each 64 KiB; for strangers it stays at that.
 */
async function* inBulk(incoming: Incoming): AsyncGenerator<Uint8Array> {
  const session = incoming.stream?.session;
  if (session && !session.destroyed) {
    session.setLocalWindowSize(BULK_WINDOW_BYTES);
    session.settings({ initialWindowSize: BULK_WINDOW_BYTES });
  }
  yield* incoming;
}

export function headerOf(incoming: Pick<Incoming, 'headers'>, name: string): string | undefined {
  const value = incoming.headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}

/**
 * All values of a header that may come more than once, each as it was sent: a comma in one is the client's. Lower-case
 * name.
 */
export function headerValues({ rawHeaders }: Pick<Incoming, 'rawHeaders'>, name: string): string[] {
  const values: string[] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2)
    if (rawHeaders[i]?.toLowerCase() === name) values.push(rawHeaders[i + 1] ?? '');
  return values;
}

/**
 * The whole body. One that is too large is read to its end, if that is near, and refused then: whoever is still writing would see
 * a broken connection instead of an answer.
 */
export async function readBody(incoming: Incoming): Promise<Uint8Array> {
  if (incoming.method === 'GET' || incoming.method === 'HEAD') return EMPTY;
  const announced = Number(incoming.headers['content-length'] ?? 0);
  if (announced > MAX_DISCARDED_BYTES) throw tooLarge();
  const parts: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of incoming) {
      size += chunk.length;
      if (size > MAX_DISCARDED_BYTES) throw tooLarge();
      if (Math.max(size, announced) > MAX_BODY_BYTES) parts.length = 0;
      else parts.push(chunk);
    }
    if (size > MAX_BODY_BYTES) throw tooLarge();
  } catch (err) {
    if (err instanceof StatusError) throw err;
    throw new StatusError('BadRequest', 'the request body ended early', { cause: err });
  }
  const [only] = parts;
  return parts.length === 1 && only ? only : Buffer.concat(parts);
}

const tooLarge = (): StatusError =>
  new StatusError('RequestEntityTooLarge', `Request entity too large: limit is ${MAX_BODY_BYTES}`);

/** The TLS connection below a request; HTTP/2 streams share theirs. */
export function tlsSocketOf(incoming: Pick<Incoming, 'socket' | 'stream'>): TLSSocket | undefined {
  const socket = (incoming.stream?.session?.socket ?? incoming.socket) as TLSSocket | undefined;
  // Not `in`: the socket of an HTTP/2 session is a proxy that answers only to reads.
  return typeof socket?.getPeerCertificate === 'function' ? socket : undefined;
}
