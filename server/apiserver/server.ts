import { services } from '#proto/api/core/services.ts';
import type { Resource } from '#proto/api/resource.ts';
import { type Clock, systemClock } from '#proto/meta/clock.ts';
import type { Logger } from '#proto/meta/log.ts';
import type { Service } from '#proto/schema/generated/core-v1.ts';
import type { AdmissionPlugin } from '#server/apiserver/admission/admission.ts';
import type { Aggregator } from '#server/apiserver/aggregator/aggregator.ts';
import type { Auditor } from '#server/apiserver/audit/auditor.ts';
import type { Authenticator, UserInfo } from '#server/apiserver/authn/authenticator.ts';
import type { Authorizer } from '#server/apiserver/authz/authorizer.ts';
import type { WebhookCaller } from '#server/apiserver/customresources/conversion-webhook.ts';
import { CustomResources } from '#server/apiserver/customresources/custom-resources.ts';
import { DiscoveryHandler, type RemoteVersions } from '#server/apiserver/discovery/discovery-handler.ts';
import type { FlowControl } from '#server/apiserver/flowcontrol/flow-control.ts';
import { ApiApp, type ExtraHandler, type RequestObserver } from '#server/apiserver/http/app.ts';
import { createDispatch, type Dispatch } from '#server/apiserver/http/dispatch.ts';
import { createFlowGate } from '#server/apiserver/http/flow-gate.ts';
import type { HealthCheck } from '#server/apiserver/http/health.ts';
import { HttpsServer, type ListenOptions } from '#server/apiserver/http/https-server.ts';
import { ResourceHandler } from '#server/apiserver/http/resource-handler.ts';
import { UpgradeHandler } from '#server/apiserver/http/upgrade.ts';
import { type Api, ResourceIndex, randomSources } from '#server/apiserver/rest/api.ts';
import { objectOf } from '#server/apiserver/rest/entries.ts';
import { prefixOf } from '#server/apiserver/rest/keys.ts';
import { createSchemaCodec } from '#server/apiserver/rest/schema-codec.ts';
import { parseRanges } from '#server/apiserver/services/ip-range.ts';
import { ServiceAllocator } from '#server/apiserver/services/service-allocator.ts';
import type { NodeStreams } from '#server/apiserver/streams/node-streams.ts';
import {
  type Review,
  SubresourceHandlers,
  type TokenIssuer,
} from '#server/apiserver/subresources/subresources.ts';
import type { VirtualKind } from '#server/apiserver/subresources/virtual-kind.ts';
import type { ApiClient } from '#server/client/client.ts';
import { createLocalClient } from '#server/client/local-client.ts';
import type { Strategy } from '#server/registry/strategy.ts';
import type { Store } from '#server/store/store.ts';

export interface ApiServerDeps {
  readonly store: Store;
  readonly resources: readonly Resource[];
  /** By `group/plural`: see server/registry/index.ts. */
  readonly strategies: ReadonlyMap<string, Strategy>;
  readonly admission: readonly AdmissionPlugin[];
  readonly authenticators: readonly Authenticator[];
  readonly authorizer: Authorizer;
  /** By plural: tokenreviews, subjectaccessreviews, selfsubjectreviews, … */
  readonly reviews: Readonly<Record<string, Review>>;
  readonly tokenIssuer: TokenIssuer;
  readonly streams: NodeStreams;
  /** Groups that other servers answer for; none where it is absent. */
  readonly aggregation?: { readonly aggregator: Aggregator; readonly discovery: RemoteVersions } | undefined;
  /** Kinds that are answered instead of stored: `metrics.k8s.io`. */
  readonly virtualKinds?: readonly VirtualKind[];
  /** `/openapi/…`, `/metrics`, the dashboard: asked in order for every path that is not the API. */
  readonly extras: readonly ExtraHandler[];
  readonly healthChecks: readonly HealthCheck[];
  /** Absent where no audit log is kept. */
  readonly auditor?: Auditor | undefined;
  /** Shares the server among clients; absent, nobody waits. */
  readonly flowControl?: FlowControl;
  /** Told of every request over HTTPS. */
  readonly requests?: RequestObserver;
  /** `10.43.0.0/16` */
  readonly serviceCidr: string;
  /** `host:port` that `/api` tells clients. */
  readonly serverAddress: string;
  /** For conversions of custom resources. */
  readonly webhooks?: WebhookCaller;
  readonly log: Logger;
  readonly clock?: Clock;
}

export interface ApiServer {
  readonly api: Api;
  /** The address of the `kubernetes` Service. */
  readonly serviceIp: string;
  /** The API in this process, in the name of `user`. */
  client(user: UserInfo): ApiClient;
  /** One API call of a board, with authorization and admission. */
  readonly dispatch: Dispatch;
  /** Resolves with the port when connections are taken. */
  listen(options: ListenOptions): Promise<number>;
  /** A renewed serving certificate, PEM, for connections from now on. */
  useCertificate(serving: { readonly cert: string; readonly key: string }): void;
  /** Takes no more connections, ends watches, and resolves when the rest is answered or out of time. */
  close(): Promise<void>;
}

const NO_STRATEGY: Strategy = {};
const NO_WEBHOOKS: WebhookCaller = { call: () => Promise.reject(new Error('no webhook can be called')) };

/** The API server, put together. It reads from top to bottom: what a request passes on its way. */
export function createApiServer(deps: ApiServerDeps): ApiServer {
  const { store, authorizer, log, streams } = deps;
  const ranges = parseRanges(deps.serviceCidr);
  const allocator = new ServiceAllocator(ranges, randomSources.random);
  const stored = store.range({ prefix: prefixOf(services) }).entries;
  allocator.repair(
    stored.map((entry) => objectOf(entry) as Service),
    log,
  );

  const index = new ResourceIndex(deps.resources);
  const custom = new CustomResources({
    store,
    index,
    webhooks: deps.webhooks ?? NO_WEBHOOKS,
    newUid: randomSources.newUid,
    log,
  });
  const api: Api = {
    store,
    resources: index,
    custom,
    strategyOf: (resource) =>
      custom.of(resource)?.strategy ??
      deps.strategies.get(`${resource.group}/${resource.plural}`) ??
      NO_STRATEGY,
    codec: createSchemaCodec(custom),
    admission: deps.admission,
    services: allocator,
    clock: deps.clock ?? systemClock,
    log,
    ...randomSources,
  };
  const subresources = new SubresourceHandlers(deps);
  const resources = new ResourceHandler(api, authorizer, subresources);
  const app = new ApiApp({
    authenticators: deps.authenticators,
    authorizer,
    resources,
    discovery: new DiscoveryHandler(api.resources, deps.serverAddress, deps.aggregation?.discovery),
    aggregator: deps.aggregation?.aggregator,
    healthChecks: deps.healthChecks,
    extras: deps.extras,
    auditor: deps.auditor,
    requests: deps.requests,
    flow: deps.flowControl && createFlowGate(deps.flowControl, store),
    log,
  });
  const upgrades = new UpgradeHandler({
    api,
    app,
    resources,
    streams,
    aggregator: deps.aggregation?.aggregator,
    log,
  });
  const https = new HttpsServer(app, upgrades, log);
  return {
    api,
    serviceIp: ranges[0].at(1),
    client: (user) => createLocalClient(api, subresources, user),
    dispatch: createDispatch(app),
    listen: (options) => https.listen(options),
    useCertificate: (serving) => https.useCertificate(serving),
    close: () => https.close(),
  };
}
