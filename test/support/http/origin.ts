/** A server behind a proxy: it answers with what it was asked, so that a test sees what the proxy made of a request. */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import { createServer as createH2cServer } from 'node:http2';
import type { AddressInfo, Server, Socket } from 'node:net';

/** The body of each answer, as JSON. */
export interface Asked {
  readonly origin: string;
  readonly url: string;
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
export async function startOrigin(name: string, address = '127.0.0.1'): Promise<Origin> {
  const server = createServer((request, response) => {
    const delayMs = Number(/^\/slow\?ms=(\d+)/.exec(request.url ?? '')?.[1] ?? 0);
    request.resume();
    request.once('end', () => setTimeout(() => response.end(JSON.stringify(asked(name, request))), delayMs));
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
  return listen(name, server, address);
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
  { url = '', httpVersion, headers }: Pick<IncomingMessage, 'url' | 'httpVersion' | 'headers'>,
) => ({
  origin,
  url,
  httpVersion,
  headers,
});

async function listen(name: string, server: Server, address: string): Promise<Origin> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, address, resolve));
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
