import type { IncomingMessage } from 'node:http';
import { createSecureServer, type Http2SecureServer, type ServerHttp2Session } from 'node:http2';
import type { Duplex } from 'node:stream';
import type { Logger } from '#proto/meta/log.ts';
import type { ApiApp } from '#server/apiserver/http/app.ts';
import type { Outgoing } from '#server/apiserver/http/send.ts';
import type { UpgradeHandler } from '#server/apiserver/http/upgrade.ts';

export interface ListenOptions {
  readonly host: string;
  readonly port: number;
  /** PEM. */
  readonly cert: string;
  readonly key: string;
  /** The CA of client certificates, PEM. */
  readonly clientCa: string;
  /** How long an HTTP/2 connection may be without a request. */
  readonly idleMs?: number;
}

/** How long `close` waits for what is being answered. */
const GRACE_MS = 2_000;
/** A client that opens a connection and says nothing holds it this long. */
const HEADERS_MS = 30_000;
/** As upstream's `IdleTimeout`; HTTP/1.1 has Node's own. */
const IDLE_MS = 90_000;

/** HTTP/1.1 and HTTP/2 by ALPN on one port. Whatever arrives here, the process stays up. */
export class HttpsServer {
  readonly #app: ApiApp;
  readonly #upgrades: UpgradeHandler;
  readonly #log: Logger;
  readonly #sockets = new Set<Duplex>();
  readonly #sessions = new Set<ServerHttp2Session>();
  #server: Http2SecureServer | undefined;
  #clientCa = '';

  constructor(app: ApiApp, upgrades: UpgradeHandler, log: Logger) {
    this.#app = app;
    this.#upgrades = upgrades;
    this.#log = log;
  }

  /** Resolves with the port. */
  listen(options: ListenOptions): Promise<number> {
    this.#clientCa = options.clientCa;
    const server = createSecureServer({
      allowHTTP1: true,
      cert: options.cert,
      key: options.key,
      ca: options.clientCa,
      // A certificate is one way to say who one is; authenticators look at what was verified.
      requestCert: true,
      rejectUnauthorized: false,
      minVersion: 'TLSv1.2',
      handshakeTimeout: HEADERS_MS,
      // One connection of a client carries all its watches.
      settings: { maxConcurrentStreams: 1000 },
    });
    server.on('request', (incoming, outgoing) => {
      // A client that goes away in the middle is nobody's error.
      incoming.on('error', () => {});
      outgoing.on('error', () => {});
      this.#app.handle(incoming, outgoing as unknown as Outgoing).catch((err: unknown) => {
        this.#log.error('a request could not be answered', { method: incoming.method, err });
        outgoing.destroy();
      });
    });
    server.on('upgrade', (incoming: IncomingMessage, socket: Duplex, head: Buffer) => {
      void this.#upgrades.handle(incoming, socket, head);
    });
    server.on('secureConnection', (socket) => {
      this.#sockets.add(socket);
      // Who a connection belongs to is settled when it opens.
      socket.disableRenegotiation();
      socket.setNoDelay(true);
      socket.setKeepAlive(true, HEADERS_MS);
      socket.on('error', () => socket.destroy());
      socket.once('close', () => this.#sockets.delete(socket));
    });
    server.on('session', (session) => {
      this.#sessions.add(session);
      session.on('error', () => session.destroy());
      closeWhenIdle(session, options.idleMs ?? IDLE_MS);
      session.once('close', () => this.#sessions.delete(session));
    });
    server.on('sessionError', (err) => this.#log.debug('an HTTP/2 session failed', { err }));
    server.on('tlsClientError', (err) => this.#log.debug('a TLS handshake failed', { err }));
    server.on('clientError', (err: NodeJS.ErrnoException, socket: Duplex) => {
      const status =
        err.code === 'HPE_HEADER_OVERFLOW' ? '431 Request Header Fields Too Large' : '400 Bad Request';
      if (socket.writable) socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\n\r\n`);
      else socket.destroy();
    });
    server.on('unknownProtocol', (socket) => socket.destroy());
    this.#server = server;
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(options.port, options.host, () => {
        server.off('error', reject);
        server.on('error', (err) => this.#log.error('the API listener failed', { err }));
        const address = server.address();
        resolve(typeof address === 'object' && address ? address.port : options.port);
      });
    });
  }

  /** What clients that connect from now on see. PEM. */
  useCertificate({ cert, key }: { readonly cert: string; readonly key: string }): void {
    this.#server?.setSecureContext({ cert, key, ca: this.#clientCa, minVersion: 'TLSv1.2' });
  }

  /** Watches never end by themselves, so after the grace what is left is cut. */
  async close(): Promise<void> {
    const server = this.#server;
    if (!server) return;
    this.#server = undefined;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const session of this.#sessions) session.close();
    const timer = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy();
    }, GRACE_MS);
    await closed;
    clearTimeout(timer);
  }
}

/** A quiet watch is a request, too: only a connection that carries none is closed. */
function closeWhenIdle(session: ServerHttp2Session, idleMs: number): void {
  let requests = 0;
  session.on('stream', (stream) => {
    requests++;
    stream.once('close', () => requests--);
  });
  session.setTimeout(idleMs, () => {
    if (requests === 0) session.close();
  });
}
