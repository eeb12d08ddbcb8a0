import { addressOf, numberOf } from '#proto/net/cidr.ts';

/** As many addresses as anybody needs: larger IPv6 ranges are refused, as upstream's API server once did. */
const MIN_PREFIX = { 32: 8, 128: 108 } as const;

/** A range of service addresses of one family, counted from its network address. */
export class IpRange {
  readonly text: string;
  readonly family: 'IPv4' | 'IPv6';
  readonly #base: bigint;
  readonly #width: 32 | 128;
  /** Addresses in the range, network and broadcast addresses among them. */
  readonly size: number;

  /** `10.43.0.0/16`, `fd00:43::/112`; throws where it is none. */
  constructor(cidr: string) {
    const [address = '', bits = ''] = cidr.split('/');
    const prefix = Number(bits);
    const base = numberOf(address);
    if (!base || !/^[0-9]+$/.test(bits) || prefix < MIN_PREFIX[base.width] || prefix > base.width - 2) {
      throw new Error(`${cidr} is neither an IPv4 range of /8 to /30 nor an IPv6 range of /108 to /126`);
    }
    this.#width = base.width;
    this.family = base.width === 32 ? 'IPv4' : 'IPv6';
    this.size = 2 ** (base.width - prefix);
    this.#base = base.value - (base.value % BigInt(this.size));
    this.text = `${addressOf(this.#base, this.#width)}/${prefix}`;
  }

  /** The address at `offset`; 1 is the first usable. */
  at(offset: number): string {
    return addressOf(this.#base + BigInt(offset), this.#width);
  }

  /** The usable offset of an address; undefined where it is outside. */
  offsetOf(address: string): number | undefined {
    const number = numberOf(address);
    if (number?.width !== this.#width) return undefined;
    const offset = number.value - this.#base;
    return offset >= 1n && offset < BigInt(this.size) - 1n ? Number(offset) : undefined;
  }
}

/** One range, or one of each family with a comma between: the first is the family that Services have by default. */
export function parseRanges(text: string): [IpRange, ...IpRange[]] {
  const [first = '', second] = text.split(',');
  const ranges: [IpRange, ...IpRange[]] = [new IpRange(first), ...(second ? [new IpRange(second)] : [])];
  if (ranges[1]?.family === ranges[0].family) throw new Error(`${text} are two ranges of one family`);
  return ranges;
}
