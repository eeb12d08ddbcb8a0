import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { type Duplex, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type ConnectionOptions, connect } from 'node:tls';
import type { Wire } from '#server/apiserver/http/exchange.ts';

/** What a request is forwarded over: a connection of its own, TLS included. */
export type Connect = () => Promise<Duplex>;

/** TLS on a stream that somebody else opened. What fails on either comes with the stream's first use. */
export const withTls = async (stream: Promise<Duplex>, options: ConnectionOptions): Promise<Duplex> =>
  connect({ ...options, socket: await stream });

export interface Forwarded {
  readonly method: string;
  /** With query, encoded. */
  readonly path: string;
  readonly headers: Record<string, string | string[]>;
}

/**
 * Sends a client's request on, its body as it comes, and answers the head of the response; the message is the body. Whoever
 * does not read it to its end must destroy it. Ends with the client. Rejects where there is no response.
 */
export function forward(
  connectTo: Connect,
  request: Forwarded,
  wire: Wire,
  options: {
    /** How long the head of the response may take; for ever where there is none. */
    readonly timeoutMs?: number;
  } = {},
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest({ ...overConnection(connectTo), ...request, ...bodyHeaders(request, wire) });
    const forget = wire.onGone(() => sent.destroy(new Error('the client went away')));
    const late = (): void => void sent.destroy(new Error('context deadline exceeded'));
    const timer = options.timeoutMs === undefined ? undefined : setTimeout(late, options.timeoutMs);
    sent.once('close', () => {
      clearTimeout(timer);
      forget();
    });
    sent.once('error', reject);
    sent.once('response', (response) => {
      clearTimeout(timer);
      resolve(response);
    });
    const { body } = wire;
    if (!body) sent.end();
    // A backend may answer before it has read everything: its answer counts, not the broken pipe.
    else
      pipeline(Readable.from(body, { objectMode: false }), sent).catch((err: unknown) =>
        sent.destroy(err as Error),
      );
  });
}

/** Node's client on a connection of ours, used once. */
export function overConnection(connectTo: Connect): RequestOptions {
  return {
    setHost: false,
    createConnection: (_options, done) => {
      connectTo().then(
        (socket) => done(null, socket),
        (err: Error) => done(err, undefined as unknown as Duplex),
      );
      return undefined;
    },
  };
}

/** A body whose length nobody knows before goes on in chunks. */
function bodyHeaders({ headers }: Forwarded, wire: Wire): Pick<Forwarded, 'headers'> {
  const isCounted = 'content-length' in headers;
  return { headers: { ...headers, ...(wire.body && !isCounted ? { 'transfer-encoding': 'chunked' } : {}) } };
}
