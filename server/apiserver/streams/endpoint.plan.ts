import { serviceUnavailable } from '#proto/meta/status-error.ts';
import type { ObjectReference, Service, ServicePort } from '#proto/schema/generated/core-v1.ts';
import type { Endpoint, EndpointSlice } from '#proto/schema/generated/discovery-v1.ts';

/** Where to connect to: an IP address or a host name, and a port. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface ServiceEndpoint {
  readonly address: Address;
  readonly nodeName: string | undefined;
  readonly targetRef: ObjectReference | undefined;
}

/**
 * One ready endpoint of a Service's port, by number or by name; the families of the Service in their order, endpoints in a
 * random one. Throws a StatusError (503). Rule: `ResolveEndpoint` of k8s.io/apiserver/pkg/util/proxy.
 */
export function resolveEndpoint(
  service: Service,
  slices: readonly EndpointSlice[],
  port: number | string,
  random: () => number,
): ServiceEndpoint {
  const { type = 'ClusterIP', externalName = '', ipFamilies = [] } = service.spec;
  if (type === 'ExternalName') {
    return { address: { host: externalName, port: Number(port) }, nodeName: undefined, targetRef: undefined };
  }
  const wanted = findPort(service, port);
  const rank = ({ addressType }: EndpointSlice): number => (addressType === ipFamilies[0] ? 0 : 1);
  const found = slices
    .flatMap((slice) => {
      const number = slice.ports?.find(({ name }) => (name ?? '') === (wanted.name ?? ''))?.port;
      if (number === undefined) return [];
      return (slice.endpoints ?? [])
        .filter(isReady)
        .map((endpoint) => ({ endpoint, number, rank: rank(slice) }));
    })
    .sort((a, b) => a.rank - b.rank);
  const best = found.filter((candidate) => candidate.rank === found[0]?.rank);
  const chosen = best[Math.floor(random() * best.length)];
  const host = chosen?.endpoint.addresses[0];
  if (!chosen || host === undefined)
    throw serviceUnavailable(`no endpoints available for service ${JSON.stringify(service.metadata.name)}`);
  const { nodeName, targetRef } = chosen.endpoint;
  return { address: { host, port: chosen.number }, nodeName, targetRef };
}

const isReady = ({ conditions }: Endpoint): boolean => conditions?.ready !== false;

function findPort({ metadata, spec }: Service, port: number | string): ServicePort {
  const found = spec.ports?.find((p) => (typeof port === 'number' ? p.port === port : p.name === port));
  if (found) return found;
  throw serviceUnavailable(`no service port ${port} found for service ${JSON.stringify(metadata.name)}`);
}
