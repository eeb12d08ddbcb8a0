/** The WireGuard device of a board, where the kernel has it: everything between boards is encrypted, on one segment too. */
import { baseOf, isIpv6 } from '#proto/net/cidr.ts';
import { hostPort } from '#proto/net/host-port.ts';
import type { TunnelPeer } from './paths.plan.ts';

export const WIREGUARD_DEVICE = 'coracle.wg';
export const WIREGUARD_PORT = 51820;

export interface WireguardEnd {
  /** base64 */
  readonly privateKey: string;
  readonly ranges: readonly string[];
  readonly mtu: number;
  readonly port: number;
}

/** For `wg syncconf`, which leaves sessions with boards alone that have not changed. */
export function planWireguardConfig(
  { privateKey, port }: WireguardEnd,
  peers: readonly TunnelPeer[],
): string {
  const lines = ['[Interface]', `PrivateKey = ${privateKey}`, `ListenPort = ${port}`];
  for (const { publicKey, remote, ranges } of peers) {
    if (!publicKey) continue;
    lines.push(
      '[Peer]',
      `PublicKey = ${publicKey}`,
      `Endpoint = ${hostPort(remote, port)}`,
      `AllowedIPs = ${ranges.join(', ')}`,
    );
  }
  return `${lines.join('\n')}\n`;
}

/** What the kernel has of the device. */
export interface WireguardPresent {
  readonly device: { readonly mtu: number; readonly up: boolean } | undefined;
  readonly addresses: readonly string[];
}

/** Lines for `ip -batch -`: before the device is configured. */
export function planWireguardDevice(own: WireguardEnd, { device, addresses }: WireguardPresent): string[] {
  const lines = device ? [] : [`link add dev ${WIREGUARD_DEVICE} type wireguard`];
  // Its own address is one of its Pod network: the other end takes no other.
  for (const range of own.ranges) {
    const address = `${baseOf(range)}/${isIpv6(range) ? 128 : 32}`;
    if (!addresses.includes(address)) lines.push(`addr replace ${address} dev ${WIREGUARD_DEVICE}`);
  }
  if (!device?.up || device.mtu !== own.mtu) lines.push(`link set dev ${WIREGUARD_DEVICE} mtu ${own.mtu} up`);
  return lines;
}

/** A key as `wg` takes it. */
export const isWireguardKey = (text: string): boolean => /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/.test(text);
