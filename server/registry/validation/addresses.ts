import { BlockList, isIP } from 'node:net';
import { type FieldError, invalidValue } from '#proto/meta/field-error.ts';

/** An IPv4 or IPv6 address. */
export const validateIp = (value: string, path: string): FieldError[] =>
  isIP(value)
    ? []
    : [invalidValue(path, value, 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)')];

/** An address with a prefix length. */
export function validateCidr(value: string, path: string): FieldError[] {
  const [address = '', length, ...rest] = value.split('/');
  const family = isIP(address);
  const bits = family === 4 ? 32 : 128;
  const isWhole = length !== undefined && /^(0|[1-9]\d*)$/.test(length) && Number(length) <= bits;
  if (family && isWhole && rest.length === 0) return [];
  return [invalidValue(path, value, 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)')];
}

/** Is all of the first range in the second, and less than that? Both must be good. */
export function isStrictSubset(part: string, whole: string): boolean {
  const [address = '', length = ''] = part.split('/');
  const [base = '', bits = ''] = whole.split('/');
  if (isIP(address) !== isIP(base) || Number(length) <= Number(bits)) return false;
  const family = isIP(base) === 6 ? 'ipv6' : 'ipv4';
  const range = new BlockList();
  range.addSubnet(base, Number(bits), family);
  return range.check(address, family);
}
