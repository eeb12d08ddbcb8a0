/**
 * What a kubelet serves on its port, of which an agent has none: requests come over the link, from the server, which has
 * asked who may. `/healthz`, `/pods`, `/logs/`, `/containerLogs/` and `/metrics` with its siblings; a flashed board's system
 * at `/coracle/system`.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { PodLogRequest } from '#agent/logs/open-pod-log.ts';
import type { Logger } from '#proto/meta/log.ts';
import { isNotFound, notFound, StatusError } from '#proto/meta/status-error.ts';
import { EXPOSITION_TYPE } from '#proto/metrics/exposition.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import type { BoardProgram } from './board-program.ts';
import { sendLogFile } from './log-files.ts';

export interface NodeHttpDeps {
  /** What runs here or is to run here, with its status. */
  readonly pods: () => readonly Pod[];
  readonly openLog: (request: PodLogRequest, signal: AbortSignal) => Promise<AsyncIterable<Uint8Array>>;
  /** The text of a page of metrics; undefined where there is none of this path. */
  readonly metrics: (path: string) => Promise<string | undefined>;
  /** `/var/log` */
  readonly logsDir: string;
  /** Where the board was flashed. */
  readonly board?: BoardProgram | undefined;
  readonly log: Logger;
}

export class NodeHttp {
  readonly #deps: NodeHttpDeps;
  readonly #server: Server;

  constructor(deps: NodeHttpDeps) {
    this.#deps = deps;
    // An upgrade takes as long as it takes.
    this.#server = createServer({ requestTimeout: 0 }, (request, response) => {
      request.on('error', () => {});
      response.on('error', () => {});
      this.#answer(request, response).catch((err: unknown) => fail(response, err));
    });
  }

  /** Serves HTTP on a stream of the link. */
  accept(stream: Duplex): void {
    stream.on('error', () => stream.destroy());
    this.#server.emit('connection', stream);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://node');
    const path = decodeURIComponent(pathname);
    const { board } = this.#deps;
    if (board && path === '/coracle/system') {
      const answer = await answerOfBoard(board, request);
      if (answer !== undefined) return send(response, 200, 'application/json', answer);
    }
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return send(response, 405, 'text/plain; charset=utf-8', 'Method Not Allowed\n');
    if (path === '/healthz' || path.startsWith('/healthz/'))
      return send(response, 200, 'text/plain; charset=utf-8', 'ok');
    if (path === '/pods' || path === '/pods/') {
      const list = { kind: 'PodList', apiVersion: 'v1', metadata: {}, items: this.#deps.pods() };
      return send(response, 200, 'application/json', JSON.stringify(list));
    }
    if (path === '/logs') {
      response.setHeader('location', 'logs/');
      return send(response, 301, '', '');
    }
    if (path.startsWith('/logs/'))
      return sendLogFile(response, this.#deps.logsDir, path.slice('/logs'.length));
    if (path.startsWith('/containerLogs/')) return this.#containerLog(response, path, searchParams);
    const page = path.startsWith('/metrics') ? await this.#deps.metrics(path) : undefined;
    if (page !== undefined) return send(response, 200, EXPOSITION_TYPE, page);
    return send(response, 404, 'text/plain; charset=utf-8', '404 page not found\n');
  }

  /** `/containerLogs/{namespace}/{pod}/{container}`, with the options of `kubectl logs`. */
  async #containerLog(response: ServerResponse, path: string, query: URLSearchParams): Promise<void> {
    const [, , namespace = '', name = '', container = ''] = path.split('/');
    const pod = this.#deps
      .pods()
      .find(({ metadata }) => metadata.namespace === namespace && metadata.name === name);
    if (!pod) throw notFound({ group: '', resource: 'pods' }, name);
    const stop = new AbortController();
    response.once('close', () => stop.abort());
    const request = { namespace, pod: name, uid: pod.metadata.uid ?? '', container, query: query.toString() };
    const lines = await this.#deps.openLog(request, stop.signal);
    response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' });
    response.flushHeaders();
    await pipeline(lines, response).catch((err: unknown) =>
      this.#deps.log.debug('a log ended early', { pod: name, err }),
    );
  }
}

/** GET: what runs. PUT: an upgrade. POST: the board starts again. Undefined for other methods. */
function answerOfBoard(board: BoardProgram, request: IncomingMessage): Promise<string> | undefined {
  switch (request.method) {
    case 'GET':
      return board.state();
    case 'PUT':
      return board.receive(request);
    case 'POST':
      return board.reboot();
    default:
      return undefined;
  }
}

function send(response: ServerResponse, code: number, contentType: string, text: string): void {
  response.writeHead(code, {
    ...(contentType ? { 'content-type': contentType } : {}),
    'content-length': Buffer.byteLength(text),
  });
  response.end(text);
}

function fail(response: ServerResponse, err: unknown): void {
  if (response.headersSent) return void response.destroy();
  const code = err instanceof StatusError ? err.code : err instanceof URIError ? 400 : 500;
  const message = err instanceof Error ? err.message : String(err);
  const text = isNotFound(err) ? '404 page not found' : message;
  send(response, code, 'text/plain; charset=utf-8', `${text}\n`);
}
