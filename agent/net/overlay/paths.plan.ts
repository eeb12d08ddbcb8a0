/** Which way leads from this board to the Pods of each other one. */
import { contains, isIpv6 } from '#proto/net/cidr.ts';
import type { Node } from '#proto/schema/generated/core-v1.ts';

/**
 * How Pods of different boards reach each other. `host-gw`: the other board is the gateway, within one segment; `vxlan`: through a
 * tunnel; `auto`: each where it fits; `wireguard`: through an encrypted tunnel; `none`: another plug-in sees to it.
 */
export const NETWORK_MODES = ['auto', 'host-gw', 'vxlan', 'wireguard', 'none'] as const;
export type NetworkMode = (typeof NETWORK_MODES)[number];

/** What a server says that is older or newer than this agent is taken for the default. */
export const asNetworkMode = (text: string | undefined): NetworkMode =>
  NETWORK_MODES.find((mode) => mode === text) ?? 'auto';

/** On a Node; base64, as `wg` shows it. */
export const WIREGUARD_KEY = 'network.coracle.dev/wireguard-public-key';

/** To one Pod network of another board. */
export type Path =
  | { readonly kind: 'direct'; readonly range: string; readonly via: string }
  | { readonly kind: 'vxlan' | 'wireguard'; readonly range: string };

/** A board at the other end of a tunnel. */
export interface TunnelPeer {
  readonly name: string;
  readonly kind: 'vxlan' | 'wireguard';
  /** Where its tunnel ends. */
  readonly remote: string;
  /** All of its Pod networks, the first one names it. */
  readonly ranges: readonly string[];
  readonly publicKey: string | undefined;
}

export interface PathsInput {
  readonly mode: NetworkMode;
  readonly nodes: readonly Node[];
  readonly nodeName: string;
  /** Own addresses with their segments: `192.168.1.5/24`. */
  readonly segments: readonly string[];
  /** Own address: a tunnel begins and ends in one family. */
  readonly local: string | undefined;
}

export interface Paths {
  readonly paths: readonly Path[];
  readonly peers: readonly TunnelPeer[];
  /** Boards that no way of this mode leads to. */
  readonly beyond: readonly string[];
}

/** Sorted by the boards' names, whatever the order of the nodes. */
export function planPaths({ mode, nodes, nodeName, segments, local }: PathsInput): Paths {
  const paths: Path[] = [];
  const peers: TunnelPeer[] = [];
  const beyond: string[] = [];
  const others = mode === 'none' ? [] : nodes.filter(({ metadata }) => metadata.name !== nodeName);
  for (const node of [...others].sort((a, b) =>
    (a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1,
  )) {
    const name = node.metadata.name ?? '';
    const ranges = rangesOf(node);
    const addresses = (node.status?.addresses ?? []).flatMap(({ type, address }) =>
      type === 'InternalIP' ? [address] : [],
    );
    if (ranges.length === 0 || addresses.length === 0) continue;
    const publicKey = node.metadata.annotations?.[WIREGUARD_KEY];
    const remote = local && addresses.find((address) => isIpv6(address) === isIpv6(local));
    const kind = tunnelOf(mode, remote, publicKey);
    let tunnelled = false;
    for (const range of ranges) {
      const via =
        mode === 'auto' || mode === 'host-gw'
          ? addresses.find(
              (address) =>
                isIpv6(address) === isIpv6(range) && segments.some((segment) => contains(segment, address)),
            )
          : undefined;
      if (via) paths.push({ kind: 'direct', range, via });
      else if (kind) {
        tunnelled = true;
        paths.push({ kind, range });
      } else if (!beyond.includes(name)) beyond.push(name);
    }
    if (tunnelled && kind && remote) peers.push({ name, kind, remote, ranges, publicKey });
  }
  return { paths, peers, beyond };
}

function tunnelOf(
  mode: NetworkMode,
  remote: string | undefined,
  publicKey: string | undefined,
): TunnelPeer['kind'] | undefined {
  if (!remote) return undefined;
  if (mode === 'wireguard') return publicKey ? 'wireguard' : undefined;
  return mode === 'auto' || mode === 'vxlan' ? 'vxlan' : undefined;
}

/** The Pod networks of a board, one for each address family. */
export const rangesOf = ({ spec }: Node): readonly string[] =>
  spec.podCIDRs ?? (spec.podCIDR ? [spec.podCIDR] : []);

/** Bytes that a tunnel adds to each packet: outer IP, UDP, its own header and, of VXLAN, the inner Ethernet's. */
export function tunnelOverhead(kind: TunnelPeer['kind'], remote: string): number {
  const ip = isIpv6(remote) ? 40 : 20;
  return kind === 'vxlan' ? ip + 8 + 8 + 14 : ip + 8 + 32;
}

const ETHERNET_MTU = 1500;

/** Of Pods, which talk to all boards: what the narrowest way takes. A wider link than Ethernet's is not made use of. */
export function podMtu(linkMtu: number, peers: readonly TunnelPeer[]): number {
  const overheads = peers.map(({ kind, remote }) => tunnelOverhead(kind, remote));
  return Math.min(ETHERNET_MTU, linkMtu) - Math.max(0, ...overheads);
}
