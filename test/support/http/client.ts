/** Clients of a proxy that know its address and call it by any name. */
import { randomBytes } from 'node:crypto';
import { Agent, type IncomingMessage, request } from 'node:http';
import { connect as connectH2 } from 'node:http2';
import { request as requestTls } from 'node:https';
import type { Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import type { PeerCertificate, SecureContextOptions, TLSSocket } from 'node:tls';

export interface At {
  readonly ip: string;
  readonly port: number;
  /** What the proxy is called by, in Host and SNI. */
  readonly host: string;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  /** With TLS: the common name in the certificate that was shown. */
  readonly certificate?: string;
}

interface Extra {
  readonly tls?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
  readonly method?: string;
  readonly agent?: Agent;
}

/** One request, on a connection of its own unless there is an agent. */
export function ask(
  { ip, port, host }: At,
  path: string,
  { tls, headers = {}, method = 'GET', agent }: Extra = {},
) {
  return new Promise<Answer>((resolve, reject) => {
    const options = {
      ...{ host: ip, port, path, method, timeout: 10_000, agent: agent ?? false },
      headers: { host, ...headers },
      ...(tls ? { servername: host, rejectUnauthorized: false } : {}),
    };
    const going = tls ? requestTls(options) : request(options);
    going.once('error', reject);
    going.once('timeout', () => going.destroy(new Error('no answer')));
    going.once('response', (response) => {
      const peer: PeerCertificate | undefined = tls
        ? (response.socket as TLSSocket).getPeerCertificate()
        : undefined;
      text(response).then(
        (body) =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body,
            ...(peer ? { certificate: String(peer.subject.CN) } : {}),
          }),
        reject,
      );
    });
    going.end();
  });
}

/** A WebSocket after its handshake, as the bare connection; over TLS where `tls` says how. */
export function openWebSocket(
  { ip, port, host }: At,
  path: string,
  tls?: SecureContextOptions,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const going = (tls ? requestTls : request)({
      ...{ host: ip, port, path, agent: false, ...tls },
      headers: {
        host,
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': randomBytes(16).toString('base64'),
      },
    });
    going.once('error', reject);
    going.once('response', ({ statusCode }) => reject(new Error(`not upgraded: ${statusCode}`)));
    going.once('upgrade', (_response, socket) => resolve(socket));
    going.end();
  });
}

/** Sends text and waits for it to come back. */
export function echo(socket: Socket, words: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let got = '';
    const onData = (bytes: Buffer): void => {
      got += bytes;
      if (got.length < words.length) return;
      socket.off('data', onData);
      resolve(got);
    };
    socket.on('data', onData);
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('closed')));
    socket.write(words);
  });
}

/** One request over HTTP/2 and TLS; gives the trailers too. */
export function askH2({ ip, port, host }: At, path: string, headers: Readonly<Record<string, string>> = {}) {
  return new Promise<{ readonly body: string; readonly trailers: Readonly<Record<string, unknown>> }>(
    (resolve, reject) => {
      const session = connectH2(`https://${host}:${port}`, {
        host: ip,
        port,
        servername: host,
        rejectUnauthorized: false,
      });
      session.once('error', reject);
      const stream = session.request({ ':path': path, ...headers });
      let trailers: Readonly<Record<string, unknown>> = {};
      stream.once('trailers', (found) => (trailers = { ...found }));
      text(stream).then((body) => {
        session.close();
        resolve({ body, trailers });
      }, reject);
      stream.end();
    },
  );
}

/** Many clients that ask again and again over kept connections. `stop` gives what went wrong, and how often nothing did. */
export function startLoad(at: At, path: string, clients = 8) {
  const agent = new Agent({ keepAlive: true, maxSockets: clients });
  const failures: string[] = [];
  const bodies = new Set<string>();
  let answered = 0;
  let stopped = false;
  const client = async (): Promise<void> => {
    while (!stopped) {
      try {
        const { status, body } = await ask(at, path, { agent });
        if (status === 200) answered++;
        else failures.push(`${status} ${body.trim()}`);
        bodies.add(body);
      } catch (err) {
        failures.push((err as Error).message);
      }
    }
  };
  const all = Array.from({ length: clients }, client);
  return {
    get answered(): number {
      return answered;
    },
    stop: async () => {
      stopped = true;
      await Promise.all(all);
      agent.destroy();
      return { answered, failures, bodies };
    },
  };
}
