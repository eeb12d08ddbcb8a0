/** IPv4 and IPv6 prefixes, as far as a board looks into them. Pure. */

export const isIpv6 = (text: string): boolean => text.includes(':');

/** An address or a prefix. */
export const isIpv4 = (text: string): boolean => /^\d+(\.\d+){3}(\/\d+)?$/.test(text);

/** `10.42.3.0` of `10.42.3.0/24` */
export const baseOf = (cidr: string): string => cidr.split('/')[0] ?? cidr;

/** Whether an address lies in a prefix; never where they are of two families, or one is malformed. */
export function contains(cidr: string, ip: string): boolean {
  const [base = '', length] = cidr.split('/');
  if (isIpv6(base) !== isIpv6(ip)) return false;
  const a = bitsOf(base);
  const b = bitsOf(ip);
  if (a === undefined || b === undefined) return false;
  const width = isIpv6(base) ? 128n : 32n;
  const rest = width - BigInt(length ?? width);
  return rest >= 0n && a >> rest === b >> rest;
}

function bitsOf(ip: string): bigint | undefined {
  return isIpv6(ip) ? bitsOfV6(ip) : bitsOfV4(ip);
}

function bitsOfV4(ip: string): bigint | undefined {
  if (!/^\d{1,3}(\.\d{1,3}){3}$/.test(ip)) return undefined;
  return ip.split('.').reduce((sum, part) => (sum << 8n) | BigInt(Number(part) & 255), 0n);
}

function bitsOfV6(ip: string): bigint | undefined {
  const [head = '', tail, ...more] = (ip.split('%')[0] ?? '').split('::');
  const groups = (text: string | undefined): string[] => (text ? text.split(':') : []);
  const left = groups(head);
  const right = groups(tail);
  const missing = 8 - left.length - right.length;
  if (more.length > 0 || (tail === undefined ? missing !== 0 : missing < 0)) return undefined;
  const all = [...left, ...Array<string>(missing).fill('0'), ...right];
  if (!all.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return undefined;
  return all.reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n);
}

/** An address as a number, with the width of its family; undefined where it is malformed. */
export function numberOf(ip: string): { readonly value: bigint; readonly width: 32 | 128 } | undefined {
  const value = bitsOf(ip);
  return value === undefined ? undefined : { value, width: isIpv6(ip) ? 128 : 32 };
}

/** The canonical text of an address: RFC 5952 for IPv6. */
export function addressOf(value: bigint, width: 32 | 128): string {
  if (width === 32) return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join('.');
  const groups = Array.from({ length: 8 }, (_, i) =>
    ((value >> BigInt(112 - 16 * i)) & 0xffffn).toString(16),
  );
  const runs = [...groups.join(' ').matchAll(/(?<![\da-f])0(?: 0(?![\da-f]))+/g)].map(([run]) => run);
  const longest = runs.reduce((best, run) => (run.length > best.length ? run : best), '');
  if (longest === '') return groups.join(':');
  const text = groups.join(' ');
  const at = text.search(new RegExp(`(?<![\\da-f])${longest}(?![\\da-f])`));
  const head = text.slice(0, at).trim().replaceAll(' ', ':');
  const tail = text
    .slice(at + longest.length)
    .trim()
    .replaceAll(' ', ':');
  return `${head}::${tail}`;
}
