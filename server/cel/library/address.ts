/** An address as bytes, 4 or 16 of them. */
export type Address = readonly number[];

/** Why a text is no address, as Go's `netip` says it. */
export class AddressProblem {
  readonly problem: string;

  constructor(problem: string) {
    this.problem = problem;
  }
}

const failed = (text: string, why: string): AddressProblem =>
  new AddressProblem(`ParseAddr(${JSON.stringify(text)}): ${why}`);

/** Rule: Go `netip.ParseAddr`. A zone is kept in the text only: nobody here takes one. */
export function parseAddress(text: string): Address | AddressProblem {
  const mark = /[.:%]/.exec(text)?.[0];
  if (mark === '.') return parseIpv4(text);
  if (mark === ':') return parseIpv6(text);
  return failed(text, mark === '%' ? 'missing IPv6 address' : 'unable to parse IP');
}

function parseIpv4(text: string): Address | AddressProblem {
  const fields = text.split('.');
  const bytes: number[] = [];
  for (const field of fields) {
    if (!/^[0-9]*$/.test(field))
      return failed(text, `unexpected character (at ${JSON.stringify(text.slice(text.search(/[^0-9.]/)))})`);
    if (field === '') return failed(text, 'IPv4 field must have at least one digit');
    if (field.length > 1 && field.startsWith('0'))
      return failed(text, 'IPv4 field has octet with leading zero');
    if (field.length > 3 || Number(field) > 255) return failed(text, 'IPv4 field has value >255');
    bytes.push(Number(field));
  }
  if (bytes.length < 4) return failed(text, 'IPv4 address too short');
  return bytes.length > 4 ? failed(text, 'IPv4 address too long') : bytes;
}

function parseIpv6(text: string): Address | AddressProblem {
  let rest = text.replace(/%.*$/s, '');
  const bytes: number[] = [];
  /** Where the zeros go. */
  let gap = -1;
  const wrong = (why: string): AddressProblem => failed(text, `${why} (at ${JSON.stringify(rest)})`);
  if (rest.startsWith('::')) {
    gap = 0;
    rest = rest.slice(2);
    if (rest === '') return Array.from({ length: 16 }, () => 0);
  }
  while (bytes.length < 16) {
    const digits = /^[0-9a-fA-F]*/.exec(rest)?.[0] ?? '';
    if (digits.length > 4) return wrong('each group must have 4 or less digits');
    if (digits === '') return wrong('each colon-separated field must have at least one digit');
    if (rest[digits.length] === '.') {
      if (gap < 0 && bytes.length !== 12)
        return wrong('embedded IPv4 address must replace the final 2 fields of the address');
      if (bytes.length > 12)
        return wrong('too many hex fields to fit an embedded IPv4 at the end of the address');
      const v4 = parseIpv4(rest);
      if (v4 instanceof AddressProblem) return failed(text, v4.problem.replace(/^.*?\): /, ''));
      bytes.push(...v4);
      rest = '';
      break;
    }
    const group = Number.parseInt(digits, 16);
    bytes.push(group >> 8, group & 255);
    rest = rest.slice(digits.length);
    if (rest === '') break;
    if (rest[0] !== ':') return wrong('unexpected character, want colon');
    if (rest.length === 1) return wrong('colon must be followed by more characters');
    rest = rest.slice(1);
    if (rest[0] === ':') {
      if (gap >= 0) return wrong('multiple :: in address');
      gap = bytes.length;
      rest = rest.slice(1);
      if (rest === '') break;
    }
  }
  if (rest !== '') return wrong('trailing garbage after address');
  if (bytes.length < 16) {
    if (gap < 0) return failed(text, 'address string too short');
    bytes.splice(gap, 0, ...Array.from({ length: 16 - bytes.length }, () => 0));
  } else if (gap >= 0) return failed(text, 'the :: must expand to at least one field of zeros');
  return bytes;
}

/** The canonical form: the longest run of zero groups as `::`. */
export function formatAddress(address: Address): string {
  if (address.length === 4) return address.join('.');
  const groups = Array.from(
    { length: 8 },
    (_, i) => ((address[2 * i] ?? 0) << 8) | (address[2 * i + 1] ?? 0),
  );
  let best = { start: -1, length: 1 };
  for (let i = 0; i < 8; i++) {
    let end = i;
    while (end < 8 && groups[end] === 0) end++;
    if (end - i > best.length) best = { start: i, length: end - i };
    if (end > i) i = end;
  }
  const hex = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(':');
  if (best.start < 0) return hex(groups);
  return `${hex(groups.slice(0, best.start))}::${hex(groups.slice(best.start + best.length))}`;
}

/** Is it an IPv4 address inside of an IPv6 one? */
export const isMapped = (address: Address): boolean =>
  address.length === 16 && address.slice(0, 12).every((byte, i) => byte === (i < 10 ? 0 : 255));

/** Do the first `bits` bits agree? */
export function sharesPrefix(a: Address, b: Address, bits: number): boolean {
  return a.length === b.length && formatAddress(mask(a, bits)) === formatAddress(mask(b, bits));
}

/** The address with all but its first `bits` bits zero. */
export const mask = (address: Address, bits: number): Address =>
  address.map((byte, i) => byte & ((0xff00 >> Math.min(Math.max(bits - 8 * i, 0), 8)) & 255));
