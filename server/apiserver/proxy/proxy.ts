import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { badRequest, StatusError, serviceUnavailable } from '#proto/meta/status-error.ts';
import type { Answer, ApiRequest, ChunksAnswer, Wire } from '#server/apiserver/http/exchange.ts';
import type { Target } from '#server/apiserver/http/target.ts';
import { type Destination, destinationOf } from '#server/apiserver/proxy/destination.ts';
import { type Connect, type Forwarded, forward, withTls } from '#server/apiserver/proxy/forward.ts';
import { requestHeaders, responseHeaders } from '#server/apiserver/proxy/headers.plan.ts';
import { rewriteHtmlBody } from '#server/apiserver/proxy/html-body.ts';
import { encodePath, joinPath, type PageOrigin, rewriteLink } from '#server/apiserver/proxy/links.plan.ts';
import type { Api, Call } from '#server/apiserver/rest/api.ts';
import { admitConnect } from '#server/apiserver/rest/connect.ts';
import type { NodeStreams } from '#server/apiserver/streams/node-streams.ts';

/** A request to a `proxy` subresource, authorized. */
export interface ProxyExchange {
  readonly api: Api;
  readonly request: ApiRequest;
  readonly target: Target;
  readonly call: Call;
}

/** A proxied request, ready to be sent on. */
export interface Proxied {
  readonly connect: Connect;
  readonly forwarded: Forwarded;
  readonly wire: Wire;
  readonly origin: PageOrigin;
}

/** The methods that may be proxied, as upstream has them. */
const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'];

/**
 * Sends a request on to a Pod, a Service's Pod or a node, over that node's link, and answers what comes back; links that the
 * answer has to its own host lead through here again. Rejects with a StatusError. Rule: `UpgradeAwareHandler` of
 * apimachinery `pkg/util/proxy`.
 */
export async function proxyAnswer(
  exchange: ProxyExchange,
  streams: Pick<NodeStreams, 'dial' | 'dialAgent'>,
): Promise<Answer> {
  const { request, target } = exchange;
  if (target.rest === '' && (request.method === 'GET' || request.method === 'HEAD'))
    return redirectToRoot(request);
  const { connect, forwarded, wire, origin } = await prepareProxy(exchange, streams);
  let response: IncomingMessage;
  try {
    response = await forward(connect, forwarded, wire);
  } catch (err) {
    throw unreachable(err);
  }
  return answerOf(response, origin, request.method === 'HEAD');
}

/** Everything that comes before the connection: admission, where to, what with. */
export async function prepareProxy(
  { api, request, target, call }: ProxyExchange,
  streams: Pick<NodeStreams, 'dial' | 'dialAgent'>,
): Promise<Proxied> {
  const { wire } = request;
  if (!wire) throw badRequest('only requests over HTTPS can be proxied');
  if (!METHODS.includes(request.method))
    throw new StatusError(
      'MethodNotAllowed',
      'the server does not allow this method on the requested resource',
    );
  await admitConnect(api, call, request.query, target.rest);
  const destination = destinationOf(api, call);
  const prefix = request.path.slice(0, request.path.length - target.rest.length);
  const path = encodePath(joinRoot(target.rest));
  const { host } = wire.headers;
  return {
    connect: () => connectTo(destination, streams),
    forwarded: {
      method: request.method,
      path: `${path}${wire.search}`,
      headers: requestHeaders(wire.headers, {
        from: wire.remoteAddress,
        uri: encodePath(joinPath(prefix, target.rest)),
      }),
    },
    wire,
    origin: { backend: destination.authority, requested: typeof host === 'string' ? host : '', prefix },
  };
}

const joinRoot = (rest: string): string => (rest.startsWith('/') ? rest : `/${rest}`);

async function connectTo(
  { node, address, scheme }: Destination,
  streams: Pick<NodeStreams, 'dial' | 'dialAgent'>,
): Promise<Duplex> {
  const stream = address ? streams.dial(node, address) : streams.dialAgent(node);
  // As upstream: whoever may proxy to a Pod trusts it.
  return scheme === 'https' ? withTls(stream, { rejectUnauthorized: false }) : stream;
}

export const unreachable = (err: unknown): StatusError =>
  serviceUnavailable(`error trying to reach service: ${err instanceof Error ? err.message : String(err)}`);

function redirectToRoot({ path, wire }: ApiRequest): Answer {
  const headers = { location: `${encodePath(path)}/${wire?.search ?? ''}` };
  return { kind: 'bytes', code: 301, contentType: '', headers, body: new Uint8Array() };
}

function answerOf(response: IncomingMessage, origin: PageOrigin, isHead: boolean): ChunksAnswer {
  const headers = responseHeaders(response.headers);
  const { location, 'content-type': type = '', 'content-encoding': encoding = '' } = response.headers;
  if (location !== undefined) headers['location'] = rewriteLink(location, origin);
  const plain = { kind: 'chunks', code: response.statusCode ?? 502, contentType: type } as const;
  const isPage = location === undefined && type.split(';')[0]?.trim() === 'text/html';
  const page =
    isPage && !isHead ? rewriteHtmlBody(response, encoding, (link) => rewriteLink(link, origin)) : undefined;
  // Its length is another one.
  if (page) delete headers['content-length'];
  return { ...plain, headers, chunks: page ?? response };
}
