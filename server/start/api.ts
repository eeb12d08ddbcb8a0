import { resources } from '#proto/api/index.ts';
import { SERVER_USER } from '#server/apiserver/admission/index.ts';
import { Aggregator } from '#server/apiserver/aggregator/aggregator.ts';
import { ApiServices } from '#server/apiserver/aggregator/api-services.ts';
import { RemoteDiscovery } from '#server/apiserver/aggregator/remote-discovery.ts';
import { issueServiceAccountToken } from '#server/apiserver/authn/token-request.ts';
import { FlowControl } from '#server/apiserver/flowcontrol/flow-control.ts';
import { type ApiServer, createApiServer } from '#server/apiserver/server.ts';
import { Connector } from '#server/apiserver/streams/connector.ts';
import { WebhookClient } from '#server/apiserver/webhooks/webhook-client.ts';
import type { ApiClient } from '#server/client/client.ts';
import { metricsKinds } from '#server/metrics/metrics-kinds.ts';
import { QueueMetrics } from '#server/metrics/queue-metrics.ts';
import { RequestMetrics } from '#server/metrics/request-metrics.ts';
import { UsageStore } from '#server/metrics/usage-store.ts';
import { Boards } from '#server/nodes/boards.ts';
import { createNodeStreams } from '#server/nodes/node-streams.ts';
import { strategies } from '#server/registry/index.ts';
import type { Access } from './access.ts';
import { createAllAdmission } from './admission.ts';
import type { Foundation } from './foundation.ts';
import { createPages } from './pages.ts';

/** The API, and what lies behind it on the boards. */
export interface StartedApi {
  readonly api: ApiServer;
  /** In the server's own name. */
  readonly client: ApiClient;
  readonly boards: Boards;
  readonly discovery: RemoteDiscovery;
  readonly usage: UsageStore;
  readonly queues: QueueMetrics;
  readonly webhooks: WebhookClient;
  /** Undefined where none is kept. */
  readonly audit: Awaited<ReturnType<typeof openAudit>>;
}

/** Ready to listen; until it does, only `client` reaches it. */
export async function startApi(foundation: Foundation, access: Access): Promise<StartedApi> {
  const { options, store, keys, advertiseAddress, clock, log } = foundation;
  const { reader, tokens, authorizer } = access;
  const boards = new Boards();
  const streams = createNodeStreams(boards);
  const connector = new Connector({ reader, streams, random: Math.random });
  const webhooks = new WebhookClient(connector);
  const apiServices = new ApiServices(reader);
  const aggregator = new Aggregator({
    services: apiServices,
    authorizer,
    connector,
    client: () => keys.current.frontProxy.client,
  });
  const discovery = new RemoteDiscovery(apiServices, aggregator);
  const usage = new UsageStore(clock, options.metricsResolution * 1000);
  const audit = await openAudit(foundation);
  const flowControl = new FlowControl({
    reader,
    clock,
    seats: options.maxRequestsInflight + options.maxMutatingRequestsInflight,
  });
  const requests = new RequestMetrics();
  const queues = new QueueMetrics();
  const own = { api: () => api.api, client: () => client };
  const api = createApiServer({
    store,
    resources,
    strategies,
    admission: createAllAdmission({ access, webhooks, clock, log, ...own }),
    authenticators: access.authenticators,
    authorizer,
    reviews: access.reviews,
    tokenIssuer: (request, account, validate) =>
      issueServiceAccountToken({ tokens, reader }, request, account, validate),
    streams,
    webhooks,
    aggregation: { aggregator, discovery },
    virtualKinds: metricsKinds(reader, usage),
    extras: await createPages({ foundation, access, discovery, flowControl, requests, queues, ...own }),
    auditor: audit?.auditor,
    flowControl,
    requests,
    healthChecks: [{ name: 'ping', live: true, check: () => {} }],
    serviceCidr: options.serviceCidr,
    serverAddress: `${advertiseAddress}:${options.listen.port}`,
    log,
    clock,
  });
  const client = api.client(SERVER_USER);
  return { api, client, boards, discovery, usage, queues, webhooks, audit };
}

/** The audit log, if there is a policy for one. What is not used is not even loaded. */
async function openAudit({ options, clock, log }: Foundation) {
  const { auditPolicyFile, auditLogPath } = options;
  if (!auditPolicyFile || !auditLogPath) return undefined;
  const { openAuditLog } = await import('#server/apiserver/audit/open-audit-log.ts');
  return openAuditLog(
    {
      policyFile: auditPolicyFile,
      path: auditLogPath,
      maxSize: options.auditLogMaxsize,
      maxAge: options.auditLogMaxage,
      maxBackup: options.auditLogMaxbackup,
    },
    clock,
    log,
  );
}
