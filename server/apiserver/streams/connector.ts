import { BlockList, isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import { nodes } from '#proto/api/core/nodes.ts';
import { pods } from '#proto/api/core/pods.ts';
import { services } from '#proto/api/core/services.ts';
import { endpointslices } from '#proto/api/discovery/endpointslices.ts';
import { notFound } from '#proto/meta/status-error.ts';
import { dialTcp } from '#proto/net/dial.ts';
import type { Node } from '#proto/schema/generated/core-v1.ts';
import type { ObjectReader } from '#server/apiserver/authn/object-reader.ts';
import { type Address, resolveEndpoint } from '#server/apiserver/streams/endpoint.plan.ts';
import type { NodeStreams } from '#server/apiserver/streams/node-streams.ts';

export interface ConnectorDeps {
  readonly reader: ObjectReader;
  readonly streams: Pick<NodeStreams, 'dial'>;
  /** In [0, 1): which of the endpoints. */
  readonly random: () => number;
}

/**
 * The server's way to what runs elsewhere. It has no Pod network of its own: a connection to a Pod is made by the
 * Pod's board, at the other end of the link; only addresses of no board are dialled from here.
 */
export class Connector {
  readonly #deps: ConnectorDeps;

  constructor(deps: ConnectorDeps) {
    this.#deps = deps;
  }

  /**
   * A connection to a ready endpoint of a Service. Rejects with a StatusError where there is none (404, 503), with
   * another error where it does not answer.
   */
  async toService(namespace: string, name: string, port: number | string): Promise<Duplex> {
    const { reader, random } = this.#deps;
    const service = reader.get(services, namespace, name);
    // In the singular, as upstream's listers say it.
    if (!service) throw notFound({ group: '', resource: 'service' }, name);
    const slices = reader
      .list(endpointslices, namespace)
      .filter(({ metadata }) => metadata.labels?.['kubernetes.io/service-name'] === name);
    const endpoint = resolveEndpoint(service, slices, port, random);
    const { address, targetRef, nodeName } = endpoint;
    const pod = targetRef?.kind === 'Pod' ? reader.get(pods, namespace, targetRef.name ?? '') : undefined;
    return this.toAddress(address, nodeName ?? pod?.spec.nodeName);
  }

  /** A connection that `node` opens; without one, the node that has the address in its Pod range, or this process. */
  async toAddress(address: Address, node?: string): Promise<Duplex> {
    const { reader, streams } = this.#deps;
    const by = node ?? nodeOfAddress(address.host, reader.list(nodes));
    return by === undefined ? dialTcp(address.host, address.port) : streams.dial(by, address);
  }
}

/** The node whose Pod range an address is in: an endpoint that somebody wrote by hand need not name it. */
function nodeOfAddress(host: string, all: readonly Node[]): string | undefined {
  const family = isIP(host);
  if (family === 0) return undefined;
  return all.find(({ spec }) => (spec?.podCIDRs ?? [spec?.podCIDR ?? '']).some((cidr) => isIn(cidr, host)))
    ?.metadata.name;
}

function isIn(cidr: string, host: string): boolean {
  const [base = '', bits = ''] = cidr.split('/');
  if (isIP(base) === 0 || isIP(base) !== isIP(host)) return false;
  const family = isIP(base) === 6 ? 'ipv6' : 'ipv4';
  const range = new BlockList();
  range.addSubnet(base, Number(bits), family);
  return range.check(host, family);
}
