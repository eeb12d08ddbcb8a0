/**
 * Load balancers made of the boards' own addresses: nothing runs for them, each board leads what comes to its address at
 * the Service's ports to its endpoints. This decides which Service has which addresses; boards act on the status alone.
 */
import { isIpv6 } from '#proto/net/cidr.ts';
import type {
  LoadBalancerIngress,
  Node,
  NodeAddress,
  Service,
  ServicePort,
} from '#proto/schema/generated/core-v1.ts';
import { equalJson } from '#server/controllers/json.ts';

export interface LoadBalancerInput {
  readonly services: readonly Service[];
  readonly nodes: readonly Node[];
  /** Boards that have an endpoint of the Service which takes connections. */
  readonly nodesWithEndpoints: (service: Service) => ReadonlySet<string>;
  /** `TCP/6443`: what boards need themselves. */
  readonly reserved: ReadonlySet<string>;
}

export interface LoadBalancerStep {
  readonly service: Service;
  /** What the status should say; undefined: it says so already. */
  readonly ingress: LoadBalancerIngress[] | undefined;
  /** Why the Service has no address, or not all of them. */
  readonly refused: string | undefined;
}

const EXCLUDED = 'node.kubernetes.io/exclude-from-external-load-balancers';

/** Ports of any board that must not be led elsewhere: SSH, mDNS, VXLAN, WireGuard. */
export const BOARD_PORTS: readonly string[] = ['TCP/22', 'UDP/5353', 'UDP/8472', 'UDP/51820'];

/** Ours unless a class says that another program's it is. */
export const isBalanced = ({ spec, metadata }: Service): boolean =>
  spec.type === 'LoadBalancer' && spec.loadBalancerClass === undefined && !metadata.deletionTimestamp;

/**
 * Addresses at which the cluster is reached: of boards that are ready and not excluded. Sorted, so that a status that is
 * made of them only changes when they do.
 */
export function boardAddresses(
  nodes: readonly Node[],
  among?: ReadonlySet<string>,
): readonly { readonly nodeName: string; readonly ip: string }[] {
  return nodes
    .filter(({ metadata }) => among?.has(metadata.name ?? '') ?? true)
    .filter(isReachable)
    .flatMap(({ metadata, status }) =>
      (status?.addresses ?? [])
        .filter(({ type }: NodeAddress) => type === 'InternalIP')
        .map(({ address }) => ({ nodeName: metadata.name ?? '', ip: address })),
    )
    .sort((a, b) => (a.ip < b.ip ? -1 : a.ip > b.ip ? 1 : 0));
}

const isReachable = ({ metadata, status }: Node): boolean =>
  !metadata.deletionTimestamp &&
  metadata.labels?.[EXCLUDED] === undefined &&
  (status?.conditions ?? []).some(({ type, status: is }) => type === 'Ready' && is === 'True');

/** Of every Service of which something is to be said. The one that is longest there keeps what two want. */
export function planLoadBalancers(input: LoadBalancerInput): LoadBalancerStep[] {
  const { services, nodes, nodesWithEndpoints, reserved } = input;
  const steps: LoadBalancerStep[] = [];
  /** Whose an address and port is. */
  const claims = new Map<string, string>();
  for (const service of [...services].sort(byAge)) {
    if (!isBalanced(service)) {
      // A status that an earlier type left behind.
      if (service.spec.type !== 'LoadBalancer' && service.status?.loadBalancer?.ingress?.length)
        steps.push({ service, ingress: [], refused: undefined });
      continue;
    }
    const near = service.spec.externalTrafficPolicy === 'Local' ? nodesWithEndpoints(service) : undefined;
    // As long as nobody answers anywhere, one board is as good as another: who waits for an address gets one.
    const local = near?.size === 0 ? undefined : near;
    const wanted = boardAddresses(nodes, local).filter(({ ip }) => suits(service, ip));
    const ports = service.spec.ports ?? [];
    const own = ports.find((port) => reserved.has(portText(port)));
    const taken = own
      ? `port ${portText(own)} is one that boards need themselves`
      : firstTaken(wanted, ports, claims);
    const free = own ? [] : wanted.filter(({ ip }) => ports.every((port) => !claims.has(claim(ip, port))));
    for (const { ip } of free) for (const port of ports) claims.set(claim(ip, port), nameOf(service));
    const ingress = free.map(({ ip }): LoadBalancerIngress => ({ ip, ipMode: 'VIP' }));
    const same = equalJson(ingress, service.status?.loadBalancer?.ingress ?? []);
    if (!same || taken !== undefined)
      steps.push({ service, ingress: same ? undefined : ingress, refused: taken });
  }
  return steps;
}

const nameOf = ({ metadata }: Service): string => `${metadata.namespace}/${metadata.name}`;
const portText = ({ protocol, port }: ServicePort): string => `${protocol ?? 'TCP'}/${port}`;
const claim = (ip: string, port: ServicePort): string => `${ip} ${portText(port)}`;

function firstTaken(
  wanted: readonly { readonly ip: string }[],
  ports: readonly ServicePort[],
  claims: ReadonlyMap<string, string>,
): string | undefined {
  for (const { ip } of wanted)
    for (const port of ports) {
      const owner = claims.get(claim(ip, port));
      if (owner) return `port ${portText(port)} of the boards is taken by Service ${owner}`;
    }
  return undefined;
}

/** Of a family that the Service has, and the one that it asks for where that is one of ours. */
function suits({ spec }: Service, ip: string): boolean {
  const family = isIpv6(ip) ? 'IPv6' : 'IPv4';
  if (!(spec.ipFamilies ?? ['IPv4']).includes(family)) return false;
  return !spec.loadBalancerIP || spec.loadBalancerIP === ip;
}

function byAge(a: Service, b: Service): number {
  const [x, y] = [a, b].map((one) => `${one.metadata.creationTimestamp ?? ''} ${nameOf(one)}`) as [
    string,
    string,
  ];
  return x < y ? -1 : x > y ? 1 : 0;
}
