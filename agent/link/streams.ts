/**
 * Reverse streams: the server asks, the board opens the call and connects it to what was asked for. Exec, attach and
 * port-forward are raw byte tunnels to the runtime's own streaming server, which speaks SPDY with the client at the
 * far end; what the board adds is only the head of the HTTP request.
 */
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Container, Runtime, Sandbox } from '#agent/runtime/runtime.ts';
import { asBytes } from '#proto/agent/byte-stream.ts';
import type { LinkClient, OpenStream } from '#proto/agent/generated/link.ts';
import type { Logger } from '#proto/meta/log.ts';
import { badRequest, internalError, notFound, StatusError } from '#proto/meta/status-error.ts';
import { serveDial } from './dial.ts';
import { connectRuntime, joinRuntime, type RuntimeConnection } from './runtime-connection.ts';

export interface StreamDeps {
  readonly runtime: Runtime;
  /** The bytes of a container's log, as `kubectl logs` wants them; rejects with a StatusError. */
  readonly openLog: (request: OpenStream, signal: AbortSignal) => Promise<AsyncIterable<Uint8Array>>;
  /** Volumes of the node itself: a query in, a JSON text out. */
  readonly serveStorage: (query: string) => Promise<string>;
  /** HTTP of the node itself. */
  readonly serveHttp: (stream: Duplex) => void;
  readonly log: Logger;
}

/** Never throws: what goes wrong is told to the client at the far end. */
export function serveStream(request: OpenStream, client: LinkClient, deps: StreamDeps): void {
  if (request.kind === 'tcp') {
    void serveDial(request, client, deps.log);
    return;
  }
  const call = client.stream();
  const bytes = asBytes(call);
  bytes.on('error', (err) => deps.log.debug('a stream broke', { kind: request.kind, pod: request.pod, err }));
  call.write({ streamId: request.streamId, data: new Uint8Array(), end: false, error: '' });
  if (request.kind === 'http') {
    deps.serveHttp(bytes);
    return;
  }
  if (request.kind === 'storage') {
    bytes.resume();
    deps.serveStorage(request.query).then(
      (answer) => bytes.end(answer),
      (err: unknown) => bytes.destroy(new Error(JSON.stringify(asStatus(err).toStatus()))),
    );
    return;
  }
  const serving = request.kind === 'logs' ? sendLog(request, bytes, deps) : tunnel(request, bytes, deps);
  serving.catch((err: unknown) =>
    deps.log.debug('a stream ended early', { kind: request.kind, pod: request.pod, err }),
  );
}

async function sendLog(request: OpenStream, bytes: Duplex, deps: StreamDeps): Promise<void> {
  const stop = new AbortController();
  bytes.on('close', () => stop.abort());
  // The far end closes its direction when the client has gone.
  bytes.on('end', () => stop.abort());
  bytes.resume();
  try {
    await pipeline(await deps.openLog(request, stop.signal), bytes);
  } catch (err) {
    if (stop.signal.aborted) return;
    bytes.destroy(new Error(JSON.stringify(asStatus(err).toStatus())));
  }
}

async function tunnel(request: OpenStream, bytes: Duplex, deps: StreamDeps): Promise<void> {
  let upstream: RuntimeConnection;
  try {
    const url = new URL(await runtimeUrl(request, deps.runtime));
    upstream = await connectRuntime(url);
    upstream.write(requestHead(request, url));
  } catch (err) {
    bytes.end(errorResponse(asStatus(err)));
    return;
  }
  upstream.setNoDelay(true);
  await joinRuntime(bytes, upstream);
}

async function runtimeUrl(request: OpenStream, runtime: Runtime): Promise<string> {
  const query = new URLSearchParams(request.query);
  const on = (name: string): boolean => /^(1|t|true)$/i.test(query.get(name) ?? '');
  const tty = on('tty');
  // With a terminal there is one output: the runtime refuses stderr beside it.
  const options = { tty, stdin: on('stdin'), stdout: on('stdout'), stderr: on('stderr') && !tty };
  const { sandboxes, containers } = await runtime.list();
  const sandbox = newest(sandboxes.filter((s) => s.uid === request.uid && s.ready));
  if (!sandbox) throw badRequest(`pod ${request.pod} is not running on this node`);
  if (request.kind === 'portforward') return runtime.portForwardUrl(sandbox.id);
  const container = newest(
    containers.filter(
      (c) => c.sandboxId === sandbox.id && c.name === request.container && c.state === 'running',
    ),
  );
  if (!container) throw notFound({ group: '', resource: 'containers' }, request.container);
  if (request.kind === 'attach') return runtime.attachUrl(container.id, options);
  return runtime.execUrl(container.id, { ...options, command: query.getAll('command') });
}

function newest<T extends Sandbox | Container>(items: readonly T[]): T | undefined {
  return items.reduce<T | undefined>((a, b) => (!a || b.attempt > a.attempt ? b : a), undefined);
}

/** Hop-by-hop upgrade headers go through; credentials stay with the API server. */
function requestHead(request: OpenStream, url: URL): string {
  const kept = request.headers.filter(({ name }) => !/^(host|authorization|cookie)$/i.test(name));
  const lines = kept.map(({ name, value }) => `${name}: ${value}\r\n`).join('');
  return `${request.method} ${url.pathname}${url.search} HTTP/1.1\r\nHost: ${url.host}\r\n${lines}\r\n`;
}

const asStatus = (err: unknown): StatusError => (err instanceof StatusError ? err : internalError(err));

function errorResponse(err: StatusError): string {
  const body = JSON.stringify(err.toStatus());
  return (
    `HTTP/1.1 ${err.code} ${err.reason}\r\nContent-Type: application/json\r\n` +
    `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`
  );
}
