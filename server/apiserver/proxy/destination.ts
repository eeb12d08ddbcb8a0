import { isIP } from 'node:net';
import { nodes } from '#proto/api/core/nodes.ts';
import { pods } from '#proto/api/core/pods.ts';
import { services } from '#proto/api/core/services.ts';
import { endpointslices } from '#proto/api/discovery/endpointslices.ts';
import { badRequest, serviceUnavailable } from '#proto/meta/status-error.ts';
import { hostPort, urlHost } from '#proto/net/host-port.ts';
import type { Node, Pod, Service } from '#proto/schema/generated/core-v1.ts';
import type { EndpointSlice } from '#proto/schema/generated/discovery-v1.ts';
import type { Api, Call } from '#server/apiserver/rest/api.ts';
import { objectOf } from '#server/apiserver/rest/entries.ts';
import { prefixOf } from '#server/apiserver/rest/keys.ts';
import { requireEntry } from '#server/apiserver/rest/write.ts';

/** What a proxied request goes to. */
export interface Destination {
  readonly scheme: 'http' | 'https';
  /** The node that opens the connection. */
  readonly node: string;
  /** `host` or `host:port`, as URLs of the backend have it. */
  readonly authority: string;
  /** Absent for the agent of the node itself, which serves what a kubelet does. */
  readonly address?: { readonly host: string; readonly port: number };
}

/** Where a kubelet listens. An agent listens nowhere: a request to this port reaches it over its link. */
const KUBELET_PORT = '10250';

/**
 * `[scheme:]name[:port]` of the path, resolved. Throws a StatusError. Rule: `ResourceLocation` of upstream's pods, services
 * and nodes.
 */
export function destinationOf(api: Api, call: Call): Destination {
  const { plural } = call.resource;
  const { scheme, name, port } = splitName(call.name, call.resource.singular);
  const named: Call = { ...call, name };
  switch (plural) {
    case pods.plural:
      return toPod(objectOf(requireEntry(api, named)) as Pod, scheme, port);
    case services.plural:
      return toService(api, call, objectOf(requireEntry(api, named)) as Service, scheme, port);
    case nodes.plural:
      return toNode(objectOf(requireEntry(api, named)) as Node, scheme, port);
    default:
      throw badRequest(`${plural} can not be proxied to`);
  }
}

function splitName(
  id: string,
  kind: string,
): { readonly scheme: 'http' | 'https'; readonly name: string; readonly port: string } {
  const parts = id.split(':');
  const [scheme = '', name = '', port = ''] = parts.length === 3 ? parts : ['', ...parts];
  if (parts.length > 3 || name === '' || !['', 'http', 'https'].includes(scheme))
    throw badRequest(`invalid ${kind} request ${JSON.stringify(id)}`);
  return { scheme: scheme === 'https' ? 'https' : 'http', name, port };
}

function toPod(pod: Pod, scheme: 'http' | 'https', wanted: string): Destination {
  const first = pod.spec.containers.find(({ ports }) => ports?.length)?.ports?.[0]?.containerPort;
  const port = wanted || String(first ?? '');
  const ip = pod.status?.podIPs?.[0]?.ip ?? pod.status?.podIP ?? '';
  return at(scheme, pod.spec.nodeName ?? '', ip, port);
}

function toService(
  api: Api,
  call: Call,
  { metadata, spec }: Service,
  scheme: 'http' | 'https',
  wanted: string,
): Destination {
  let portName = wanted;
  if (/^\d+$/.test(wanted)) {
    const found = spec.ports?.find(({ port }) => port === Number(wanted));
    if (!found) {
      const name = JSON.stringify(metadata.name);
      throw serviceUnavailable(`no service port ${wanted} found for service ${name}`);
    }
    portName = found.name ?? '';
  }
  const candidates = api.store
    .range({ prefix: prefixOf(endpointslices, metadata.namespace) })
    .entries.map((entry) => objectOf(entry) as EndpointSlice)
    .filter((slice) => slice.metadata.labels?.['kubernetes.io/service-name'] === metadata.name)
    .flatMap((slice) => {
      const port = slice.ports?.find(({ name }) => (name ?? '') === portName)?.port;
      return port === undefined ? [] : readyPods(api, slice).map((found) => ({ ...found, port }));
    });
  const chosen = candidates[Math.floor(api.random() * candidates.length)];
  if (!chosen) throw serviceUnavailable(`no endpoints available for service ${JSON.stringify(call.name)}`);
  return at(scheme, chosen.node, chosen.ip, String(chosen.port));
}

/** Only Pods, at addresses that they have: an endpoint that somebody made up leads nowhere. */
function readyPods(api: Api, { metadata, endpoints }: EndpointSlice): { node: string; ip: string }[] {
  return (endpoints ?? []).flatMap(({ addresses: [ip = ''], conditions, targetRef }) => {
    if (conditions?.ready === false || targetRef?.kind !== 'Pod') return [];
    const entry = api.store.get(`${prefixOf(pods, metadata.namespace)}${targetRef.name}`);
    const { spec, status } = (entry ? objectOf(entry) : {}) as Partial<Pod>;
    const own = [status?.podIP, ...(status?.podIPs ?? []).map((each) => each.ip)];
    return spec?.nodeName && own.includes(ip) ? [{ node: spec.nodeName, ip }] : [];
  });
}

function toNode({ metadata, status }: Node, scheme: 'http' | 'https', port: string): Destination {
  const { name = '' } = metadata;
  const addresses = status?.addresses ?? [];
  const ip = addresses.find(({ type }) => type === 'InternalIP')?.address ?? '';
  const own = String(status?.daemonEndpoints?.kubeletEndpoint?.Port ?? KUBELET_PORT);
  if (port !== '' && port !== own && port !== KUBELET_PORT) return at(scheme, name, ip, port);
  return { scheme: 'http', node: name, authority: hostPort(ip || name, Number(own)) };
}

function at(scheme: 'http' | 'https', node: string, ip: string, port: string): Destination {
  if (isIP(ip) === 0 || !isGlobalUnicast(ip)) throw badRequest('address not allowed');
  const number = port === '' ? (scheme === 'https' ? 443 : 80) : Number(port);
  if (!Number.isInteger(number) || number < 1 || number > 65535) {
    const why = /^\d+$/.test(port) ? 'invalid port' : 'unknown port';
    throw serviceUnavailable(`error trying to reach service: dial tcp: lookup tcp/${port}: ${why}`);
  }
  const authority = port === '' ? urlHost(ip) : hostPort(ip, number);
  return { scheme, node, authority, address: { host: ip, port: number } };
}

/** Not loopback, link-local, multicast or unspecified. Rule: Go's `IP.IsGlobalUnicast`. */
const isGlobalUnicast = (ip: string): boolean =>
  isIP(ip) === 4
    ? !/^(0\.0\.0\.0$|127\.|169\.254\.|22[4-9]\.|23\d\.|255\.255\.255\.255$)/.test(ip)
    : !/^(::1?$|fe[89ab]|ff)/i.test(ip);
