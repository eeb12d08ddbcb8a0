/** The names of the cluster. Rule: Kubernetes' DNS-based service discovery, version 1.1.0. */

import { type Data, TYPE } from '#proto/dns/message.plan.ts';
import { isIpv6, numberOf } from '#proto/net/cidr.ts';
import type { Service } from '#proto/schema/generated/core-v1.ts';
import type { EndpointSlice } from '#proto/schema/generated/discovery-v1.ts';
import { slicesByService } from '../services/targets.plan.ts';

export interface ZoneInput {
  /** `cluster.local` */
  readonly domain: string;
  /** Where DNS itself answers. */
  readonly address?: string | undefined;
  readonly services: readonly Service[];
  readonly slices: readonly EndpointSlice[];
  /** Addresses whose reverse names are ours alone. */
  readonly ranges: readonly string[];
  /** False while the board has not been told of all Services: a name that is not found may yet exist. */
  readonly complete: boolean;
}

export interface Zone {
  readonly domain: string;
  readonly ranges: readonly string[];
  readonly complete: boolean;
  /** By lower case name. A name that only has names below it has no data. */
  readonly names: ReadonlyMap<string, readonly Data[]>;
}

export function buildZone(input: ZoneInput): Zone {
  const { domain, ranges, complete } = input;
  const names = new Map<string, Data[]>();
  const put = (name: string, data: Data): void => {
    const there = names.get(name);
    if (there) there.push(data);
    else names.set(name, [data]);
  };
  put(domain, { type: TYPE.SOA, domain });
  put(domain, { type: TYPE.NS, target: `ns.dns.${domain}` });
  if (input.address) put(`ns.dns.${domain}`, addressOf(input.address));
  put(`dns-version.${domain}`, { type: TYPE.TXT, text: '1.1.0' });
  names.set(`pod.${domain}`, []);
  const slices = slicesByService(input.slices);
  for (const service of input.services)
    addService(
      names,
      put,
      service,
      slices.get(`${service.metadata.namespace}/${service.metadata.name}`) ?? [],
      domain,
    );
  // Those above a name exist too, with nothing to say.
  for (const name of [...names.keys()])
    for (let dot = name.indexOf('.'); dot > 0; dot = name.indexOf('.', dot + 1)) {
      const above = name.slice(dot + 1);
      if (!above.endsWith(domain)) break;
      if (!names.has(above)) names.set(above, []);
    }
  return { domain, ranges, complete, names };
}

type Put = (name: string, data: Data) => void;

const addressOf = (ip: string): Data => (isIpv6(ip) ? { type: TYPE.AAAA, ip } : { type: TYPE.A, ip });

/** `10.43.0.1` is `1.0.43.10.in-addr.arpa`, and IPv6 the same by half bytes below `ip6.arpa`. */
function reverse(ip: string): string {
  if (!isIpv6(ip)) return `${ip.split('.').reverse().join('.')}.in-addr.arpa`;
  const digits = (numberOf(ip)?.value ?? 0n).toString(16).padStart(32, '0');
  return `${[...digits].reverse().join('.')}.ip6.arpa`;
}

function addService(
  names: Map<string, Data[]>,
  put: Put,
  service: Service,
  slices: readonly EndpointSlice[],
  domain: string,
): void {
  const { metadata, spec } = service;
  const name = `${metadata.name}.${metadata.namespace}.svc.${domain}`;
  if (!names.has(name)) names.set(name, []);
  if (spec.type === 'ExternalName') {
    const target = (spec.externalName ?? '').toLowerCase().replace(/\.$/, '');
    if (target) put(name, { type: TYPE.CNAME, target });
    return;
  }
  const ips = (spec.clusterIPs ?? [spec.clusterIP ?? '']).filter((ip) => ip !== '' && ip !== 'None');
  for (const ip of ips) {
    put(name, addressOf(ip));
    put(reverse(ip), { type: TYPE.PTR, target: name });
  }
  if (ips.length > 0)
    for (const port of spec.ports ?? [])
      if (port.name)
        put(serviceName(port.name, port.protocol, name), { type: TYPE.SRV, port: port.port, target: name });
  addEndpoints(put, name, slices, ips.length === 0);
}

const serviceName = (port: string, protocol: string | undefined, name: string): string =>
  `_${port}._${(protocol ?? 'TCP').toLowerCase()}.${name}`;

/** Of a headless Service, all that are ready; of others, those that have a name of their own. */
function addEndpoints(put: Put, name: string, slices: readonly EndpointSlice[], headless: boolean): void {
  const seen = new Set<string>();
  for (const { endpoints, ports } of slices)
    for (const { addresses, hostname, conditions } of endpoints ?? []) {
      if (!(conditions?.ready ?? true) || (!headless && !hostname)) continue;
      for (const ip of addresses) {
        const own = `${hostname ?? ip.replace(/[.:]/g, '-')}.${name}`;
        const fresh = !seen.has(`${own} ${ip}`);
        seen.add(`${own} ${ip}`);
        if (fresh) {
          put(own, addressOf(ip));
          if (headless) put(name, addressOf(ip));
          if (headless) put(reverse(ip), { type: TYPE.PTR, target: own });
        }
        if (!headless) continue;
        for (const { name: portName, port, protocol } of ports ?? []) {
          if (!portName || port === undefined) continue;
          const key = `${portName} ${protocol} ${port} ${own}`;
          if (seen.has(key)) continue;
          seen.add(key);
          put(serviceName(portName, protocol, name), { type: TYPE.SRV, port, target: own });
        }
      }
    }
}
