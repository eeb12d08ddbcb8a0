import { networkInterfaces } from 'node:os';

/** A way of this machine onto an IPv4 network segment. */
export interface Segment {
  readonly address: string;
  /** Prefix length. */
  readonly prefix: number;
}

/** The bridge of Pods, and what leads to Pods of other boards: no people there. */
const POD_INTERFACES = /^(lo|cni|veth|flannel|vxlan|coracle\.|docker|br-|cali|cilium)/;

/** Where this machine has neighbours, with loopback and Pod networks left out. */
export function lanSegments(): Segment[] {
  return Object.entries(networkInterfaces())
    .filter(([name]) => !POD_INTERFACES.test(name))
    .flatMap(([, addresses]) => addresses ?? [])
    .flatMap(({ family, internal, address, cidr }) =>
      family === 'IPv4' && !internal ? [{ address, prefix: Number(cidr?.split('/')[1] ?? 32) }] : [],
    );
}

/** Whether an IPv4 address is on that segment. */
export function isOn({ address, prefix }: Segment, ip: string): boolean {
  const bits = (text: string): number =>
    text.split('.').reduce((sum, part) => sum * 256 + Number(part), 0) >>> 0;
  const mask = prefix === 0 ? 0 : (~0 << (32 - prefix)) >>> 0;
  return ((bits(address) ^ bits(ip)) & mask) === 0;
}
