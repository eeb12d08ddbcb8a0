/**
 * The VXLAN device of a board, without multicast and without learning: all entries are known. A board's end of the tunnel has an
 * address of its own, the first one of the board's Pod network, and a MAC that follows from it: nobody has to be asked for either.
 */
import { baseOf, isIpv6 } from '#proto/net/cidr.ts';
import type { TunnelPeer } from './paths.plan.ts';

export const VXLAN_DEVICE = 'coracle.vxlan';
/** What Linux took before the IANA gave a port, and what other Kubernetes use: firewalls know it. */
export const VXLAN_PORT = 8472;
/** Not flannel's 1: both may be on one LAN. */
const VNI = 42;

export interface VxlanEnd {
  readonly local: string;
  readonly ranges: readonly string[];
  readonly mtu: number;
  readonly port: number;
}

/** What the kernel has. */
export interface VxlanPresent {
  readonly device:
    | {
        readonly mac: string;
        readonly mtu: number;
        readonly up: boolean;
        readonly id: number;
        readonly local: string;
        readonly port: number;
      }
    | undefined;
  readonly addresses: readonly string[];
  /** Address to MAC. */
  readonly neighbours: ReadonlyMap<string, string>;
  /** MAC to the board behind it. */
  readonly forwarding: ReadonlyMap<string, string>;
}

export interface VxlanPlan {
  /** Lines for `ip -batch -`, before routes. */
  readonly ip: readonly string[];
  /** Lines for `bridge -batch -`, after `ip`. */
  readonly bridge: readonly string[];
  /** Lines for `ip -batch -`, after routes. */
  readonly last: readonly string[];
}

/** `undefined`: the board has no network of its own yet. */
export function planVxlan(
  own: VxlanEnd | undefined,
  peers: readonly TunnelPeer[],
  { device, addresses, neighbours, forwarding }: VxlanPresent,
): VxlanPlan {
  if (!own || peers.length === 0)
    return { ip: [], bridge: [], last: device ? [`link del dev ${VXLAN_DEVICE}`] : [] };
  const mac = macOf(own.ranges[0] ?? own.local);
  const same =
    device &&
    device.mac === mac &&
    device.id === VNI &&
    device.local === own.local &&
    device.port === own.port;
  const ip: string[] = [];
  if (!same) {
    if (device) ip.push(`link del dev ${VXLAN_DEVICE}`);
    ip.push(
      `link add dev ${VXLAN_DEVICE} address ${mac} type vxlan id ${VNI} local ${own.local} dstport ${own.port} nolearning`,
    );
  }
  if (!same || device.mtu !== own.mtu || !device.up)
    ip.push(`link set dev ${VXLAN_DEVICE} mtu ${own.mtu} up`);
  const had = same ? { addresses, neighbours, forwarding } : NOTHING;
  const wantedAddresses = own.ranges.map((range) => `${baseOf(range)}/${isIpv6(range) ? 128 : 32}`);
  for (const address of wantedAddresses)
    if (!had.addresses.includes(address))
      ip.push(`addr replace ${address} dev ${VXLAN_DEVICE}${isIpv6(address) ? ' nodad' : ''}`);

  const wantedNeighbours = new Map<string, string>();
  const wantedForwarding = new Map<string, string>();
  for (const { ranges, remote } of peers) {
    const peerMac = macOf(ranges[0] ?? remote);
    wantedForwarding.set(peerMac, remote);
    for (const range of ranges) wantedNeighbours.set(baseOf(range), peerMac);
  }
  for (const [address, at] of wantedNeighbours)
    if (had.neighbours.get(address) !== at)
      ip.push(`neigh replace ${address} lladdr ${at} dev ${VXLAN_DEVICE} nud permanent`);
  for (const address of had.neighbours.keys())
    if (!wantedNeighbours.has(address)) ip.push(`neigh del ${address} dev ${VXLAN_DEVICE}`);
  const bridge = [
    // A board that moved has its old place taken first: an entry is one of several places otherwise.
    ...[...had.forwarding]
      .filter(([at, remote]) => wantedForwarding.get(at) !== remote)
      .map(([at, remote]) => `fdb del ${at} dev ${VXLAN_DEVICE} dst ${remote}`),
    ...[...wantedForwarding]
      .filter(([at, remote]) => had.forwarding.get(at) !== remote)
      .map(([at, remote]) => `fdb replace ${at} dev ${VXLAN_DEVICE} dst ${remote}`),
  ];
  return { ip, bridge, last: [] };
}

const NOTHING = {
  addresses: [],
  neighbours: new Map<string, string>(),
  forwarding: new Map<string, string>(),
};

/** Of a board's end: locally administered, and as unique as its Pod network. */
export function macOf(range: string): string {
  const base = baseOf(range);
  const bytes = isIpv6(base) ? hashed(base) : base.split('.').map(Number);
  return ['0e', '63', ...bytes.map((byte) => byte.toString(16).padStart(2, '0'))].join(':');
}

/** FNV-1a */
function hashed(text: string): number[] {
  let hash = 0x811c9dc5;
  for (const char of text) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  return [24, 16, 8, 0].map((shift) => (hash >>> shift) & 255);
}
