import { join } from 'node:path';
import { resources } from '#proto/api/index.ts';
import { processFamilies } from '#proto/metrics/process.ts';
import { KUBERNETES_VERSION } from '#proto/version.ts';
import type { RemoteDiscovery } from '#server/apiserver/aggregator/remote-discovery.ts';
import { issuerDiscoveryHandler } from '#server/apiserver/authn/issuer-discovery.ts';
import type { FlowControl } from '#server/apiserver/flowcontrol/flow-control.ts';
import { flowFamilies } from '#server/apiserver/flowcontrol/flow-metrics.ts';
import type { ExtraHandler } from '#server/apiserver/http/app.ts';
import { openDescriptions } from '#server/apiserver/openapi/descriptions.ts';
import { createOpenApi } from '#server/apiserver/openapi/openapi.ts';
import { openApiHandler } from '#server/apiserver/openapi/openapi-handler.ts';
import type { Api } from '#server/apiserver/rest/api.ts';
import { backupHandler } from '#server/backup/backup-handler.ts';
import { buildInfo, metricsHandler } from '#server/metrics/metrics-handler.ts';
import type { QueueMetrics } from '#server/metrics/queue-metrics.ts';
import type { RequestMetrics } from '#server/metrics/request-metrics.ts';
import { stateFamilies } from '#server/metrics/state/state-metrics.ts';
import { storeFamilies } from '#server/metrics/store-metrics.ts';
import type { Access } from './access.ts';
import type { Foundation } from './foundation.ts';

interface PageSources {
  readonly foundation: Foundation;
  readonly access: Access;
  readonly discovery: RemoteDiscovery;
  readonly flowControl: FlowControl;
  readonly requests: RequestMetrics;
  readonly queues: QueueMetrics;
  /** There when the first page is asked for. */
  readonly api: () => Api;
}

/** What is served beside the API: OpenAPI, keys of tokens, backups, metrics. */
export async function createPages(sources: PageSources): Promise<readonly ExtraHandler[]> {
  const { foundation, access, discovery, flowControl, requests, queues, api } = sources;
  const { options, store, storeDirectory, advertiseAddress, backupSource } = foundation;
  const { reader, tokens } = access;
  return [
    openApiHandler(
      createOpenApi({
        resources,
        published: () => api().custom.published(),
        version: KUBERNETES_VERSION,
        descriptions: await openDescriptions(join(import.meta.dirname, 'openapi')),
      }),
      discovery,
    ),
    issuerDiscoveryHandler({
      issuer: tokens.issuer,
      address: `https://${advertiseAddress}:${options.listen.port}`,
      keys: tokens.keySet(),
    }),
    backupHandler(backupSource),
    metricsHandler({
      '/metrics': async () => [
        buildInfo(),
        ...requests.families(),
        ...flowFamilies(flowControl),
        ...queues.families(),
        ...(await storeFamilies(store, api().resources.all, storeDirectory)),
        ...(await processFamilies()),
      ],
      '/metrics/state': () => stateFamilies((resource) => reader.list(resource)),
    }),
  ];
}
