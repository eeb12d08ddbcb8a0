/** A range of IPv4 service addresses, counted from its network address. */
export class IpRange {
  readonly text: string;
  readonly #base: number;
  /** Addresses in the range, network and broadcast addresses among them. */
  readonly size: number;

  /** `10.43.0.0/16`; throws where it is none. */
  constructor(cidr: string) {
    const [address = '', bits = ''] = cidr.split('/');
    const prefix = Number(bits);
    const base = parseIPv4(address);
    if (base === undefined || !/^[0-9]+$/.test(bits) || prefix < 8 || prefix > 30) {
      throw new Error(`${cidr} is not an IPv4 range of /8 to /30`);
    }
    this.size = 2 ** (32 - prefix);
    this.#base = base - (base % this.size);
    this.text = `${formatIPv4(this.#base)}/${prefix}`;
  }

  /** The address at `offset`; 1 is the first usable. */
  at(offset: number): string {
    return formatIPv4(this.#base + offset);
  }

  /** The usable offset of an address; undefined where it is outside. */
  offsetOf(address: string): number | undefined {
    const value = parseIPv4(address);
    if (value === undefined) return undefined;
    const offset = value - this.#base;
    return offset >= 1 && offset < this.size - 1 ? offset : undefined;
  }
}

function parseIPv4(text: string): number | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((p) => /^(0|[1-9][0-9]{0,2})$/.test(p) && Number(p) < 256))
    return undefined;
  return parts.reduce((sum, part) => sum * 256 + Number(part), 0);
}

const formatIPv4 = (value: number): string =>
  [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
