import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Logger } from '#proto/meta/log.ts';
import { badRequest, internalError, StatusError } from '#proto/meta/status-error.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import type { Aggregator } from '#server/apiserver/aggregator/aggregator.ts';
import type { Visit } from '#server/apiserver/audit/visit.ts';
import type { ApiApp } from '#server/apiserver/http/app.ts';
import { type ApiRequest, jsonAnswer } from '#server/apiserver/http/exchange.ts';
import { apiRequestOf, arrivalOf, headerOf } from '#server/apiserver/http/incoming.ts';
import type { ResourceHandler } from '#server/apiserver/http/resource-handler.ts';
import { connectCall, targetOf } from '#server/apiserver/http/target.ts';
import { forwardUpgrade, refuse } from '#server/apiserver/proxy/forward-upgrade.ts';
import { prepareProxy } from '#server/apiserver/proxy/proxy.ts';
import type { Api, Call } from '#server/apiserver/rest/api.ts';
import { admitConnect } from '#server/apiserver/rest/connect.ts';
import { objectOf } from '#server/apiserver/rest/entries.ts';
import { requireEntry } from '#server/apiserver/rest/write.ts';
import type { NodeStreams, TunnelRequest } from '#server/apiserver/streams/node-streams.ts';
import { readOffer, sendOverWebSocket } from '#server/apiserver/streams/web-socket.ts';
import { chooseContainer, openPodLog } from '#server/apiserver/subresources/pod-log.ts';

const TUNNELS = ['exec', 'attach', 'portforward'] as const satisfies TunnelRequest['kind'][];
const KINDS: readonly string[] = [...TUNNELS, 'log'];
/** WebSocket protocols that container runtimes speak. They know no v5, and no SPDY inside of a WebSocket. */
const TUNNELLED = [
  'v4.channel.k8s.io',
  'v4.base64.channel.k8s.io',
  'channel.k8s.io',
  'base64.channel.k8s.io',
];
const SWITCHED = { code: 101 };
/** Ends at this connection; the tunnel is no place for credentials. */
const WITHHELD = new Set(['authorization', 'cookie', 'host']);

export interface UpgradeDeps {
  readonly api: Api;
  readonly app: ApiApp;
  readonly resources: ResourceHandler;
  readonly streams: NodeStreams;
  readonly aggregator: Pick<Aggregator, 'upgrade'> | undefined;
  readonly log: Logger;
}

/**
 * Exec, attach and port-forward: after the same checks as any request, the client's connection is joined to the
 * board's runtime and no byte is looked at. A WebSocket of a newer protocol than runtimes speak is refused before
 * it is one, and kubectl comes back with SPDY by itself. A log can be read as the messages of a WebSocket. Upgrades of proxied requests are their backend's to answer.
 */
export class UpgradeHandler {
  readonly #api: Api;
  readonly #app: ApiApp;
  readonly #resources: ResourceHandler;
  readonly #streams: NodeStreams;
  readonly #aggregator: Pick<Aggregator, 'upgrade'> | undefined;
  readonly #log: Logger;

  constructor(deps: UpgradeDeps) {
    this.#api = deps.api;
    this.#app = deps.app;
    this.#resources = deps.resources;
    this.#streams = deps.streams;
    this.#aggregator = deps.aggregator;
    this.#log = deps.log;
  }

  /** Takes over the socket of an upgrade request. Never rejects. */
  async handle(incoming: IncomingMessage, socket: Duplex, head: Uint8Array): Promise<void> {
    socket.on('error', () => socket.destroy());
    const visit = this.#app.visit(arrivalOf(incoming));
    try {
      await this.#serve(incoming, socket, head, visit);
    } catch (err) {
      const status = err instanceof StatusError ? err : internalError(err);
      visit.trail?.answered(jsonAnswer(status.code, status.toStatus()));
      if (status !== err) this.#log.error('an upgrade failed', { path: incoming.url, err });
      refuse(socket, status);
    }
    visit.completed();
  }

  async #serve(incoming: IncomingMessage, socket: Duplex, head: Uint8Array, visit: Visit): Promise<void> {
    const user = await this.#app.identify(incoming, visit);
    const request = apiRequestOf(incoming, user, visit.trail);
    if (await this.#aggregator?.upgrade(request, incoming, socket, head)) return;
    const target = targetOf(this.#api.resources, request.path);
    const kind = target?.subresource?.name ?? '';
    if (!target || (kind !== 'proxy' && (target.resource.plural !== 'pods' || !KINDS.includes(kind))))
      throw badRequest(`${request.path} can not be upgraded`);
    await this.#resources.authorize(target, request);
    const call = connectCall(target, request, () => {});
    if (kind === 'proxy') {
      const proxied = await prepareProxy({ api: this.#api, request, target, call }, this.#streams);
      visit.started(SWITCHED);
      await forwardUpgrade(proxied, incoming, socket, head);
      return;
    }
    if (kind === 'log') {
      const offer = readOffer(incoming);
      const chunks = await openPodLog(this.#api, call, request.query, this.#streams);
      visit.started(SWITCHED);
      await sendOverWebSocket(socket, offer, chunks);
      return;
    }
    const tunnel = await this.#tunnel(call, request, incoming);
    visit.started(SWITCHED);
    await this.#streams.tunnel(tunnel, socket, head);
  }

  async #tunnel(
    call: Call,
    { query, method }: ApiRequest,
    incoming: IncomingMessage,
  ): Promise<TunnelRequest> {
    checkProtocol(incoming);
    const kind = call.subresource as TunnelRequest['kind'];
    const pod = objectOf(requireEntry(this.#api, call)) as Pod;
    await admitConnect(this.#api, call, query);
    const node = pod.spec.nodeName;
    if (!node) throw badRequest(`pod ${call.name} does not have a host assigned`);
    if (kind !== 'portforward') query.set('container', chooseContainer(pod, query.get('container')));
    return { kind, pod, node, method, headers: headersOf(incoming), query: query.toString() };
  }
}

function checkProtocol(incoming: IncomingMessage): void {
  const upgrade = (headerOf(incoming, 'upgrade') ?? '').toLowerCase();
  if (upgrade === 'spdy/3.1') return;
  if (upgrade !== 'websocket')
    throw badRequest(`unable to upgrade: unknown protocol ${JSON.stringify(upgrade)}`);
  const offered = (headerOf(incoming, 'sec-websocket-protocol') ?? '').split(',').map((p) => p.trim());
  if (!offered.some((protocol) => TUNNELLED.includes(protocol))) {
    throw badRequest(
      `unable to upgrade: unsupported WebSocket protocols ${offered.join(', ')}: use SPDY/3.1`,
    );
  }
}

function headersOf(incoming: IncomingMessage): { name: string; value: string }[] {
  const headers: { name: string; value: string }[] = [];
  for (let i = 0; i + 1 < incoming.rawHeaders.length; i += 2) {
    const name = incoming.rawHeaders[i] ?? '';
    if (!WITHHELD.has(name.toLowerCase()) && !name.toLowerCase().startsWith('impersonate-')) {
      headers.push({ name, value: incoming.rawHeaders[i + 1] ?? '' });
    }
  }
  return headers;
}
