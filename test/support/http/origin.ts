/** A server behind a proxy: it answers with what it was asked, so that a test sees what the proxy made of a request. */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import { createServer as createH2cServer } from 'node:http2';
import type { AddressInfo, Server, Socket } from 'node:net';
import { text } from 'node:stream/consumers';

/** The body of each answer, as JSON. */
export interface Asked {
  readonly origin: string;
  readonly method: string;
  readonly url: string;
  readonly body: string;
  readonly httpVersion: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface Origin {
  readonly name: string;
  readonly port: number;
  /** Ends at once, with what is under way. */
  kill(): Promise<void>;
}

const WEBSOCKET_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** HTTP/1.1; `/slow?ms=100` takes its time. A WebSocket sends back the bytes that it gets. */
export async function startOrigin(name: string, address = '127.0.0.1', port = 0): Promise<Origin> {
  const server = createServer(async (request, response) => {
    const delayMs = Number(/^\/slow\?ms=(\d+)/.exec(request.url ?? '')?.[1] ?? 0);
    const body = await text(request).catch(() => '');
    setTimeout(() => response.end(JSON.stringify(asked(name, request, body))), delayMs);
  });
  server.on('upgrade', (request: IncomingMessage, socket: Socket) => {
    const key = request.headers['sec-websocket-key'] ?? '';
    const accept = createHash('sha1').update(`${key}${WEBSOCKET_GUID}`).digest('base64');
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    socket.on('error', () => {});
    socket.pipe(socket);
  });
  return listen(name, server, address, port);
}

/** HTTP/2 without TLS, as a gRPC server listens; ends each answer with a trailer. */
export async function startH2cOrigin(name: string, address = '127.0.0.1'): Promise<Origin> {
  const server = createH2cServer((request, response) => {
    response.addTrailers({ 'grpc-status': '0' });
    response.end(JSON.stringify(asked(name, request)));
  });
  return listen(name, server as unknown as Server, address);
}

const asked = (
  origin: string,
  {
    method = '',
    url = '',
    httpVersion,
    headers,
  }: Pick<IncomingMessage, 'method' | 'url' | 'httpVersion' | 'headers'>,
  body = '',
) => ({ origin, method, url, body, httpVersion, headers });

async function listen(name: string, server: Server, address: string, port = 0): Promise<Origin> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(port, address, resolve));
  return {
    name,
    port: (server.address() as AddressInfo).port,
    kill: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
