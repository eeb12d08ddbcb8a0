/**
 * Ways to the Pods of other boards on the same segment: the board itself is the gateway (host-gw). And one to the Services of a
 * board without a default route: the kernel asks for a way before it looks at what a Service leads to.
 */
import type { Node } from '#proto/schema/generated/core-v1.ts';

export interface Route {
  /** A Pod network: `10.42.3.0/24`. */
  readonly to: string;
  /** `via 192.168.1.6` */
  readonly way: string;
}

export interface RoutesInput {
  readonly nodes: readonly Node[];
  readonly nodeName: string;
  /** Own addresses with their segments: `192.168.1.5/24`. */
  readonly segments: readonly string[];
  readonly serviceCidr: string | undefined;
  readonly hostIp: string | undefined;
  readonly hasDefault: boolean;
  /** What the kernel has of ours. */
  readonly present: readonly Route[];
}

export interface RoutesPlan {
  /** Lines for `ip -batch -`. */
  readonly commands: readonly string[];
  /** Boards that no segment of this one leads to. */
  readonly beyond: readonly string[];
}

/** Marks routes as ours, so that a later start knows them. */
export const ROUTE_PROTOCOL = 144;

export function planRoutes(input: RoutesInput): RoutesPlan {
  const { nodes, nodeName, segments, present, serviceCidr, hostIp, hasDefault } = input;
  const wanted = new Map<string, string>();
  const beyond: string[] = [];
  for (const { metadata, spec, status } of nodes) {
    if (metadata.name === nodeName) continue;
    const ranges = (spec.podCIDRs ?? (spec.podCIDR ? [spec.podCIDR] : [])).filter(isIpv4);
    const addresses = (status?.addresses ?? [])
      .filter(({ type, address }) => type === 'InternalIP' && isIpv4(address))
      .map(({ address }) => address);
    if (ranges.length === 0 || addresses.length === 0) continue;
    const via = addresses.find((address) => segments.some((segment) => contains(segment, address)));
    if (via === undefined) beyond.push(metadata.name ?? '');
    else for (const range of ranges) wanted.set(range, `via ${via}`);
  }
  if (serviceCidr && isIpv4(serviceCidr) && hostIp && !hasDefault)
    wanted.set(serviceCidr, `dev lo src ${hostIp}`);
  const there = new Map(present.map(({ to, way }) => [to, way]));
  return {
    commands: [
      ...[...there.keys()]
        .filter((to) => !wanted.has(to))
        .map((to) => `route del ${to} proto ${ROUTE_PROTOCOL}`),
      ...[...wanted]
        .filter(([to, way]) => there.get(to) !== way)
        .map(([to, way]) => `route replace ${to} ${way} proto ${ROUTE_PROTOCOL}`),
    ],
    beyond: beyond.sort(),
  };
}

export const isIpv4 = (text: string): boolean => /^\d+(\.\d+){3}(\/\d+)?$/.test(text);

const asNumber = (ip: string): number =>
  ip.split('.').reduce((sum, part) => ((sum << 8) | (Number(part) & 255)) >>> 0, 0);

/** Whether an IPv4 address lies in `10.42.0.0/16`. */
export function contains(cidr: string, ip: string): boolean {
  const [base = '', bits = '32'] = cidr.split('/');
  if (!isIpv4(base)) return false;
  const mask = bits === '0' ? 0 : (-1 << (32 - Number(bits))) >>> 0;
  return (asNumber(base) & mask) >>> 0 === (asNumber(ip) & mask) >>> 0;
}
