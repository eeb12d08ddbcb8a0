import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { StatusError, serviceUnavailable } from '#proto/meta/status-error.ts';
import type { ApiServices, RemoteApi } from '#server/apiserver/aggregator/api-services.ts';
import { withRemoteUser } from '#server/apiserver/aggregator/remote-headers.plan.ts';
import type { Authorizer } from '#server/apiserver/authz/authorizer.ts';
import { requireAllowed } from '#server/apiserver/http/authorize.ts';
import { type Answer, type ApiRequest, textAnswer } from '#server/apiserver/http/exchange.ts';
import { requestInfoOf } from '#server/apiserver/http/request-info.ts';
import { type Connect, type Forwarded, forward, withTls } from '#server/apiserver/proxy/forward.ts';
import { forwardUpgrade } from '#server/apiserver/proxy/forward-upgrade.ts';
import { requestHeaders, responseHeaders } from '#server/apiserver/proxy/headers.plan.ts';
import { encodePath } from '#server/apiserver/proxy/links.plan.ts';
import type { Connector } from '#server/apiserver/streams/connector.ts';

export interface AggregatorDeps {
  readonly services: ApiServices;
  readonly authorizer: Authorizer;
  readonly connector: Pick<Connector, 'toService'>;
  /** By which aggregated servers know this one, PEM: of the front proxy's own CA. */
  readonly client: () => { readonly cert: string; readonly key: string };
}

/** How long discovery, which all clients wait for, may take. Rule: upstream's `aggregatedDiscoveryTimeout`. */
const DISCOVERY_MS = 5_000;

/**
 * Sends requests for groups and versions that an APIService gives to a Service on to that Service, whatever they are. The user
 * was authenticated and is authorized here; the server at the other end believes the headers that say who it is, because of
 * our client certificate. Rule: `proxyHandler` of kube-aggregator.
 */
export class Aggregator {
  readonly #deps: AggregatorDeps;

  constructor(deps: AggregatorDeps) {
    this.#deps = deps;
  }

  /** Undefined for a path that is served here. Rejects with a StatusError of who may not. */
  async handle(request: ApiRequest): Promise<Answer | undefined> {
    const remote = this.#remoteOf(request.path);
    if (!remote) return undefined;
    await this.#authorize(request);
    return this.#forward(request, remote);
  }

  /** The OpenAPI document of a group and version, from the server that has it; undefined for one that is served here. */
  async openApi(request: ApiRequest, group: string, version: string): Promise<Answer | undefined> {
    const remote = this.#deps.services.find(group, version);
    return remote && this.#forward(request, remote);
  }

  async #forward(request: ApiRequest, remote: RemoteApi): Promise<Answer> {
    if (!remote.isAvailable) return UNAVAILABLE;
    const { wire } = request;
    if (!wire) throw serviceUnavailable(`${remote.name} is reached over HTTPS only`);
    try {
      const isDiscovery = request.path.split('/').filter((part) => part !== '').length === 3;
      const response = await forward(
        this.connectTo(remote),
        this.#forwarded(request, remote),
        wire,
        isDiscovery ? { timeoutMs: DISCOVERY_MS } : {},
      );
      const { 'content-type': contentType = '' } = response.headers;
      return {
        kind: 'chunks',
        code: response.statusCode ?? 502,
        contentType,
        headers: responseHeaders(response.headers),
        chunks: response,
      };
    } catch (err) {
      return unreachable(err);
    }
  }

  /** An upgrade of such a request: takes the socket over. False for a path that is served here. */
  async upgrade(
    request: ApiRequest,
    incoming: IncomingMessage,
    socket: Duplex,
    head: Uint8Array,
  ): Promise<boolean> {
    const remote = this.#remoteOf(request.path);
    if (!remote) return false;
    await this.#authorize(request);
    if (!remote.isAvailable) throw serviceUnavailable('service unavailable');
    const proxied = { connect: this.connectTo(remote), forwarded: this.#forwarded(request, remote) };
    await forwardUpgrade(proxied, incoming, socket, head);
    return true;
  }

  /** A connection to the server behind an APIService, ours by its certificate. */
  connectTo({ service, ca, insecure }: RemoteApi): Connect {
    const { connector, client } = this.#deps;
    const { namespace, name, port } = service;
    const trust = insecure
      ? { rejectUnauthorized: false }
      : { ...(ca ? { ca } : {}), allowPartialTrustChain: true };
    return () =>
      withTls(connector.toService(namespace, name, port), {
        ...client(),
        ...trust,
        servername: `${name}.${namespace}.svc`,
      });
  }

  #remoteOf(path: string): RemoteApi | undefined {
    const [, root, group = '', version = ''] = path.split('/');
    return root === 'apis' && version !== '' ? this.#deps.services.find(group, version) : undefined;
  }

  #authorize({ method, path, query, user, trail }: ApiRequest): Promise<void> {
    const { authorizer } = this.#deps;
    const { verb, resource } = requestInfoOf(method, path, query);
    if (!resource) {
      const asked = { kind: 'path', user, verb: verb === 'head' ? 'get' : verb, path } as const;
      return requireAllowed(authorizer, asked, trail);
    }
    const { group, version, plural, subresource, namespace, name } = resource;
    const asked = {
      kind: 'resource',
      user,
      verb,
      group,
      version,
      resource: plural,
      subresource: subresource || undefined,
      namespace: namespace || undefined,
      name: name || undefined,
      labelSelector: query.get('labelSelector') ?? undefined,
      fieldSelector: query.get('fieldSelector') ?? undefined,
    } as const;
    return requireAllowed(authorizer, asked, trail);
  }

  #forwarded({ method, path, user, wire }: ApiRequest, { service }: RemoteApi): Forwarded {
    const headers = requestHeaders(wire?.headers ?? {}, { from: wire?.remoteAddress ?? '' });
    const host = `${service.name}.${service.namespace}.svc:${service.port}`;
    return {
      method,
      path: `${encodePath(path)}${wire?.search ?? ''}`,
      headers: { ...withRemoteUser(headers, user), host },
    };
  }
}

const UNAVAILABLE = textAnswer(503, 'service unavailable\n');

/** As text, as upstream's aggregator says it; what was said properly stays. */
function unreachable(err: unknown): Answer {
  // Where there is no endpoint, upstream does not say why.
  if (err instanceof StatusError) return UNAVAILABLE;
  const reason = err instanceof Error ? err.message : String(err);
  return textAnswer(503, `error trying to reach service: ${reason}\n`);
}
