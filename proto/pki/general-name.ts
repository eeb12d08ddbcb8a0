import { isIPv4 } from 'node:net';
import { type DerElement, DerError, implicit, readChildren } from './der.ts';

/** One subject alternative name, of the four kinds that Kubernetes knows. Rule: RFC 5280 §4.2.1.6. */
export interface GeneralName {
  readonly kind: 'email' | 'dns' | 'uri' | 'ip';
  readonly value: string;
}

const TAGS = { email: 1, dns: 2, uri: 6, ip: 7 } as const;
const KINDS = new Map<number, GeneralName['kind']>(
  Object.entries(TAGS).map(([kind, tag]) => [tag, kind as GeneralName['kind']]),
);

export const encodeGeneralName = ({ kind, value }: GeneralName): Buffer =>
  implicit(TAGS[kind], kind === 'ip' ? addressBytes(value) : Buffer.from(value));

/** Names of other kinds are left out. */
export function readGeneralNames(names: DerElement): GeneralName[] {
  return readChildren(names).flatMap(({ tag, contents }) => {
    const kind = (tag & 0xc0) === 0x80 ? KINDS.get(tag & 0x1f) : undefined;
    if (!kind) return [];
    return [{ kind, value: kind === 'ip' ? addressText(contents) : contents.toString('latin1') }];
  });
}

function addressText(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.');
  if (bytes.length !== 16) throw new DerError('an address of neither 4 nor 16 bytes');
  return (bytes.toString('hex').match(/.{4}/g) ?? []).join(':');
}

const addressBytes = (address: string): Buffer =>
  isIPv4(address) ? Buffer.from(address.split('.').map(Number)) : ipv6Bytes(address);

function ipv6Bytes(address: string): Buffer {
  // The URL parser writes an address in its canonical form, an embedded IPv4 part included.
  const canonical = new URL(`http://[${address.split('%')[0]}]/`).hostname.slice(1, -1);
  const [head = '', tail] = canonical.split('::');
  const words = (part: string): number[] =>
    part ? part.split(':').map((word) => Number.parseInt(word, 16)) : [];
  const before = words(head);
  const after = tail === undefined ? [] : words(tail);
  const zeroes = tail === undefined ? 0 : 8 - before.length - after.length;
  const bytes = Buffer.alloc(16);
  [...before, ...Array<number>(zeroes).fill(0), ...after].forEach(
    (word, i) => void bytes.writeUInt16BE(word, i * 2),
  );
  return bytes;
}
