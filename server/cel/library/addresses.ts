import type { Library } from '#server/cel/functions.ts';
import {
  type Address,
  AddressProblem,
  formatAddress,
  isMapped,
  mask,
  parseAddress,
  sharesPrefix,
} from '#server/cel/library/address.ts';
import { reads, traversal } from '#server/cel/library/costs.ts';
import { CelOpaque, type CelValue, Fault, sizeOf } from '#server/cel/value.ts';

/** Addresses and networks. Rule: apiserver `pkg/cel/library/ip.go`, `cidr.go`. */
class CelIp extends CelOpaque {
  readonly typeName = 'net.IP';
  readonly address: Address;

  constructor(address: Address) {
    super();
    this.address = address;
  }

  override get costSize(): number {
    return this.address.length;
  }

  equals(other: CelOpaque): boolean {
    return other instanceof CelIp && formatAddress(this.address) === formatAddress(other.address);
  }
}

class CelCidr extends CelOpaque {
  readonly typeName = 'net.CIDR';
  readonly address: Address;
  readonly bits: number;

  constructor(address: Address, bits: number) {
    super();
    this.address = address;
    this.bits = bits;
  }

  override get costSize(): number {
    return Math.ceil(this.bits / 8);
  }

  equals(other: CelOpaque): boolean {
    return other instanceof CelCidr && showCidr(this) === showCidr(other);
  }
}

const quoted = (text: string): string => JSON.stringify(text);
const showIp = ({ address }: CelIp): string => formatAddress(address);
const showCidr = ({ address, bits }: CelCidr): string => `${formatAddress(address)}/${bits}`;

function toIp(text: string): CelIp | Fault {
  const address = parseAddress(text);
  if (address instanceof AddressProblem)
    return new Fault(
      `IP Address ${quoted(text)} parse error during conversion from string: ${address.problem}`,
    );
  if (text.includes('%')) return new Fault(`IP address ${quoted(text)} with zone value is not allowed`);
  if (isMapped(address)) return new Fault(`IPv4-mapped IPv6 address ${quoted(text)} is not allowed`);
  return new CelIp(address);
}

function parseCidr(text: string): CelCidr | string {
  const what = 'network address parse error during conversion from string: netip.ParsePrefix';
  const slash = text.lastIndexOf('/');
  if (slash < 0) return `${what}(${quoted(text)}): no '/'`;
  const address = parseAddress(text.slice(0, slash));
  if (address instanceof AddressProblem) return `${what}(${quoted(text)}): ${address.problem}`;
  if (text.includes('%')) return `${what}(${quoted(text)}): IPv6 zones cannot be present in a prefix`;
  const length = text.slice(slash + 1);
  if (!/^(0|[1-9][0-9]{0,2})$/.test(length))
    return `${what}(${quoted(text)}): bad bits after slash: ${quoted(length)}`;
  const bits = Number(length);
  if (bits > address.length * 8) return `${what}(${quoted(text)}): prefix length out of range`;
  if (isMapped(address)) return `IPv4-mapped IPv6 address ${quoted(text)} is not allowed`;
  return new CelCidr(address, bits);
}

function toCidr(text: string): CelCidr | Fault {
  const cidr = parseCidr(text);
  return typeof cidr === 'string'
    ? new Fault(`network address parse error during conversion from string: ${cidr}`)
    : cidr;
}

const containsIp = (cidr: CelCidr, ip: CelIp | Fault): boolean | Fault =>
  ip instanceof Fault ? new Fault('no such overload') : sharesPrefix(cidr.address, ip.address, cidr.bits);

const containsCidr = (cidr: CelCidr, other: CelCidr | Fault): boolean | Fault =>
  other instanceof Fault
    ? other
    : cidr.bits <= other.bits && sharesPrefix(cidr.address, other.address, cidr.bits);

const isV4 = (address: Address): boolean => address.length === 4;
const first = (address: Address): number => address[0] ?? 0;
const second = (address: Address): number => address[1] ?? 0;
const isZero = (address: Address): boolean => address.every((byte) => byte === 0);
const isLoopback = (address: Address): boolean =>
  isV4(address) ? first(address) === 127 : address.every((byte, i) => byte === (i === 15 ? 1 : 0));
const isLinkLocal = (address: Address): boolean =>
  isV4(address)
    ? first(address) === 169 && second(address) === 254
    : first(address) === 0xfe && (second(address) & 0xc0) === 0x80;
const isMulticast = (address: Address): boolean =>
  isV4(address) ? (first(address) & 0xf0) === 0xe0 : first(address) === 0xff;
const isLinkLocalMulticast = (address: Address): boolean =>
  isV4(address)
    ? first(address) === 224 && second(address) === 0 && address[2] === 0
    : first(address) === 0xff && (second(address) & 0x0f) === 2;
const isGlobal = (address: Address): boolean =>
  !isZero(address) &&
  !(isV4(address) && address.every((byte) => byte === 255)) &&
  !isLoopback(address) &&
  !isMulticast(address) &&
  !isLinkLocal(address);

const test =
  (holds: (address: Address) => boolean) =>
  ({ address }: CelIp): boolean =>
    holds(address);

const traverse = (value: CelValue | undefined, times = 1): number =>
  Math.ceil(sizeOf(value ?? null) * times * traversal);

export const addresses: Library = {
  ip: [
    ['(string) net.IP', toIp, reads()],
    ['net.CIDR.() net.IP', ({ address }: CelCidr) => new CelIp(address)],
  ],
  family: [['net.IP.() int', ({ address }: CelIp) => (isV4(address) ? 4n : 6n)]],
  'ip.isCanonical': [
    [
      '(string) bool',
      (text: string) => {
        const ip = toIp(text);
        return ip instanceof Fault ? ip : showIp(ip) === text;
      },
      reads(2),
    ],
  ],
  isUnspecified: [['net.IP.() bool', test(isZero)]],
  isLoopback: [['net.IP.() bool', test(isLoopback)]],
  isLinkLocalMulticast: [['net.IP.() bool', test(isLinkLocalMulticast)]],
  isLinkLocalUnicast: [['net.IP.() bool', test(isLinkLocal)]],
  isGlobalUnicast: [['net.IP.() bool', test(isGlobal)]],
  isIP: [['(string) bool', (text: string) => toIp(text) instanceof CelIp, reads()]],
  string: [
    ['(net.IP) string', showIp],
    ['(net.CIDR) string', showCidr],
  ],
  cidr: [['(string) net.CIDR', toCidr, reads()]],
  containsIP: [
    [
      'net.CIDR.(string) bool',
      (cidr: CelCidr, text: string) => containsIp(cidr, toIp(text)),
      (args) => traverse(args[0], 2) + traverse(args[1]),
    ],
    ['net.CIDR.(net.IP) bool', containsIp, (args) => traverse(args[0], 2)],
  ],
  containsCIDR: [
    [
      'net.CIDR.(string) bool',
      (cidr: CelCidr, text: string) => containsCidr(cidr, toCidr(text)),
      (args) => traverse(args[0], 2) + traverse(args[0]) + 1 + traverse(args[1]),
    ],
    ['net.CIDR.(net.CIDR) bool', containsCidr, (args) => traverse(args[0], 2) + traverse(args[0]) + 1],
  ],
  prefixLength: [['net.CIDR.() int', ({ bits }: CelCidr) => BigInt(bits)]],
  masked: [['net.CIDR.() net.CIDR', ({ address, bits }: CelCidr) => new CelCidr(mask(address, bits), bits)]],
  isCIDR: [['(string) bool', (text: string) => typeof parseCidr(text) !== 'string', reads()]],
};
