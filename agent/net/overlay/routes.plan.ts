/**
 * The kernel's routes to the Pods of other boards. And one to the Services of a board without a default route: the kernel asks for
 * a way before it looks at what a Service leads to.
 */
import { baseOf, isIpv6 } from '#proto/net/cidr.ts';
import type { Path } from './paths.plan.ts';
import { VXLAN_DEVICE } from './vxlan.plan.ts';
import { WIREGUARD_DEVICE } from './wireguard.plan.ts';

export interface Route {
  /** A Pod network: `10.42.3.0/24`. */
  readonly to: string;
  /** `via 192.168.1.6` */
  readonly way: string;
}

/** One family of addresses. */
export interface RoutesInput {
  readonly paths: readonly Path[];
  readonly serviceCidr: string | undefined;
  readonly hostIp: string | undefined;
  readonly hasDefault: boolean;
  /** What the kernel has of ours. */
  readonly present: readonly Route[];
}

/** Marks routes as ours, so that a later start knows them. */
export const ROUTE_PROTOCOL = 144;

/** Lines for `ip -batch -`. */
export function planRoutes({ paths, present, serviceCidr, hostIp, hasDefault }: RoutesInput): string[] {
  const wanted = new Map<string, string>();
  for (const path of paths) wanted.set(path.range, wayOf(path));
  if (serviceCidr && hostIp && !hasDefault) wanted.set(serviceCidr, `dev lo src ${hostIp}`);
  const there = new Map(present.map(({ to, way }) => [to, way]));
  return [
    ...[...there.keys()]
      .filter((to) => !wanted.has(to))
      .map((to) => `route del ${to} proto ${ROUTE_PROTOCOL}`),
    ...[...wanted]
      .filter(([to, way]) => there.get(to) !== way)
      .map(([to, way]) => `route replace ${to} ${way} proto ${ROUTE_PROTOCOL}`),
  ];
}

function wayOf(path: Path): string {
  if (path.kind === 'direct') return `via ${path.via}`;
  if (path.kind === 'wireguard') return `dev ${WIREGUARD_DEVICE}`;
  return `via ${baseOf(path.range)} dev ${VXLAN_DEVICE} onlink`;
}

/** As `ip -json route show` tells it. */
export interface KernelRoute {
  readonly dst?: string;
  readonly gateway?: string;
  readonly dev?: string;
  readonly prefsrc?: string;
  readonly protocol?: string;
  readonly flags?: readonly string[];
}

/** Ours, in the words of {@link planRoutes}. */
export function routesOf(routes: readonly KernelRoute[]): { hasDefault: boolean; present: Route[] } {
  return {
    hasDefault: routes.some(({ dst }) => dst === 'default'),
    present: routes.flatMap((route) =>
      route.dst && route.protocol === String(ROUTE_PROTOCOL)
        ? [{ to: route.dst, way: presentWay(route) }]
        : [],
    ),
  };
}

function presentWay({ gateway, dev, prefsrc, flags }: KernelRoute): string {
  if (dev === VXLAN_DEVICE) return `via ${gateway} dev ${dev}${flags?.includes('onlink') ? ' onlink' : ''}`;
  if (dev === WIREGUARD_DEVICE) return `dev ${dev}`;
  return gateway ? `via ${gateway}` : `dev ${dev} src ${prefsrc}`;
}

export const familyOf = (range: string): '4' | '6' => (isIpv6(range) ? '6' : '4');
