/** The API server's way to a Pod's board: reverse streams over the link. */
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { StatusError, serviceUnavailable } from '#proto/meta/status-error.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import type { Status } from '#proto/schema/generated/meta-v1.ts';
import type { NodeStreams, TunnelRequest } from '#server/apiserver/streams/node-streams.ts';
import type { StreamRequest } from './board-session.ts';
import type { Boards } from './boards.ts';

/** A log that has not begun after this time is quiet, not broken: the client gets its headers. */
const FIRST_BYTES_MS = 500;
const MAX_LISTENERS = 30;
const NO_POD = { namespace: '', pod: '', uid: '', container: '', method: '', headers: [] };

export function createNodeStreams(boards: Boards): NodeStreams {
  return {
    async openLog(pod, query) {
      const stream = await boards.openStream(pod.spec.nodeName ?? '', {
        ...about(pod, query),
        kind: 'logs',
        method: 'GET',
        headers: [],
      });
      // Our direction stays open while the client listens: its end tells the board to stop.
      return begun(stream);
    },
    async tunnel(
      { kind, pod, node, method, headers, query }: TunnelRequest,
      socket: Duplex,
      head: Uint8Array,
    ) {
      const request = { ...about(pod, new URLSearchParams(query)), kind, method, headers, query };
      const stream = await boards.openStream(node, request);
      if (head.length > 0) stream.write(head);
      // Each direction listens a few times on both ends, beside the server's own: no leak that needs a warning.
      for (const end of [socket, stream]) end.setMaxListeners(MAX_LISTENERS);
      await Promise.allSettled([pipeline(socket, stream), pipeline(stream, socket)]);
    },
    dial: (node, { host, port }) =>
      connection(boards, node, 'tcp', new URLSearchParams({ host, port: String(port) }).toString()),
    dialAgent: (node) => connection(boards, node, 'http', ''),
  };
}

async function connection(
  boards: Boards,
  node: string,
  kind: 'tcp' | 'http',
  query: string,
): Promise<Duplex> {
  const stream = await boards.openStream(node, { ...NO_POD, kind, query });
  // TLS and HTTP, above it, listen a few times each.
  stream.setMaxListeners(MAX_LISTENERS);
  return stream;
}

function about(
  pod: Pod,
  query: URLSearchParams,
): Pick<StreamRequest, 'namespace' | 'pod' | 'uid' | 'container' | 'query'> {
  return {
    namespace: pod.metadata.namespace ?? '',
    pod: pod.metadata.name ?? '',
    uid: pod.metadata.uid ?? '',
    container: query.get('container') ?? pod.spec.containers[0]?.name ?? '',
    query: query.toString(),
  };
}

/** The stream's bytes; rejects with the board's Status where it broke before the first of them. */
async function begun(stream: Duplex): Promise<AsyncIterable<Uint8Array>> {
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(resolve, FIRST_BYTES_MS);
    const done = (): void => {
      clearTimeout(timer);
      resolve();
    };
    stream.once('readable', done);
    stream.once('end', done);
    stream.once('error', (err) => {
      clearTimeout(timer);
      reject(asStatus(err));
    });
  });
  // The stream itself: who reads can destroy it at any time, also while nothing comes.
  return stream.once('end', () => stream.end());
}

function asStatus(err: Error): StatusError {
  try {
    return StatusError.from(JSON.parse(err.message) as Status);
  } catch {
    return serviceUnavailable(`the board broke the stream: ${err.message}`);
  }
}
