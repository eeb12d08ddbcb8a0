import { nodes } from '#proto/api/core/nodes.ts';
import { pods } from '#proto/api/core/pods.ts';
import { services } from '#proto/api/core/services.ts';
import { endpointslices } from '#proto/api/discovery/endpointslices.ts';
import { badRequest, serviceUnavailable } from '#proto/meta/status-error.ts';
import type { Pod, Service } from '#proto/schema/generated/core-v1.ts';
import type { EndpointSlice } from '#proto/schema/generated/discovery-v1.ts';
import type { Answer } from '#server/apiserver/http/exchange.ts';
import type { Exchange } from '#server/apiserver/http/reading.ts';
import type { Api, Call } from '#server/apiserver/rest/api.ts';
import { objectOf } from '#server/apiserver/rest/entries.ts';
import { prefixOf } from '#server/apiserver/rest/keys.ts';
import { requireEntry } from '#server/apiserver/rest/write.ts';
import type { NodeStreams } from '#server/apiserver/streams/node-streams.ts';

/** Where a `proxy` request goes: `[scheme:]name[:port]` of the path, resolved. */
interface Destination {
  readonly pod: Pod | undefined;
  readonly node: string;
  readonly scheme: 'http' | 'https';
  readonly port: number | undefined;
}

/** Carried on to the other side; the rest of the headers speak of this connection, or of who asks. */
const FORWARDED = ['accept', 'content-type', 'user-agent', 'accept-language', 'if-none-match', 'range'];

export async function proxyAnswer(exchange: Exchange, streams: NodeStreams): Promise<Answer> {
  const { api, call, request, target } = exchange;
  const destination = resolve(api, call);
  if (!streams.proxy) throw serviceUnavailable('proxying to pods and nodes is not available on this server');
  const query = request.query.toString();
  const response = await streams.proxy({
    ...destination,
    method: request.method,
    path: `${target.rest || '/'}${query ? `?${query}` : ''}`,
    headers: FORWARDED.flatMap((name) => {
      const value = request.header(name);
      return value === undefined ? [] : [{ name, value }];
    }),
    body: await request.body(),
  });
  const { 'content-type': contentType = 'application/octet-stream', ...headers } = response.headers;
  return { kind: 'chunks', code: response.code, contentType, headers, chunks: response.chunks };
}

function resolve(api: Api, call: Call): Destination {
  const parts = call.name.split(':');
  if (parts.length > 3) throw badRequest(`invalid ${call.resource.plural} request "${call.name}"`);
  const [scheme, name = '', port] = parts.length === 3 ? parts : ['', ...parts];
  if (scheme !== '' && scheme !== 'http' && scheme !== 'https')
    throw badRequest(`invalid scheme ${JSON.stringify(scheme)}`);
  const named: Call = { ...call, name };
  const how = scheme === 'https' ? 'https' : 'http';
  switch (call.resource.plural) {
    case nodes.plural:
      requireEntry(api, named);
      return { pod: undefined, node: name, scheme: how, port: port ? Number(port) : undefined };
    case pods.plural: {
      const pod = objectOf(requireEntry(api, named)) as Pod;
      return toPod(pod, how, port ? Number(port) : (pod.spec.containers[0]?.ports?.[0]?.containerPort ?? 80));
    }
    case services.plural:
      return toService(api, objectOf(requireEntry(api, named)) as Service, how, port ?? '');
    default:
      throw badRequest(`${call.resource.plural} can not be proxied to`);
  }
}

function toPod(pod: Pod, scheme: 'http' | 'https', port: number): Destination {
  if (!pod.spec.nodeName) throw badRequest(`pod ${pod.metadata.name} does not have a host assigned`);
  return { pod, node: pod.spec.nodeName, scheme, port };
}

/** The first ready Pod behind a port of the Service. */
function toService(api: Api, service: Service, scheme: 'http' | 'https', port: string): Destination {
  const { name, namespace } = service.metadata;
  const wanted = (service.spec.ports ?? []).find((p, i, all) =>
    port === '' ? all.length === 1 || i === 0 : p.name === port || String(p.port) === port,
  );
  const unavailable = serviceUnavailable(`no endpoints available for service "${name}"`);
  if (!wanted) throw unavailable;
  const slices = api.store
    .range({ prefix: prefixOf(endpointslices, namespace) })
    .entries.map((entry) => objectOf(entry) as EndpointSlice)
    .filter((slice) => slice.metadata.labels?.['kubernetes.io/service-name'] === name);
  for (const slice of slices) {
    const target = (slice.ports ?? []).find((p) => (p.name ?? '') === (wanted.name ?? ''))?.port;
    for (const endpoint of slice.endpoints ?? []) {
      if (endpoint.conditions?.ready === false || endpoint.targetRef?.kind !== 'Pod' || target === undefined)
        continue;
      const entry = api.store.get(`${prefixOf(pods, namespace)}${endpoint.targetRef.name}`);
      if (entry) return toPod(objectOf(entry) as Pod, scheme, target);
    }
  }
  throw unavailable;
}
